// The page: signs in, loads its blocks, puts its parts to work, and again after every change.
import { watchActions } from "./actions.js";
import { drawCharts, watchCharts } from "./charts/lifecycle.js";
import { watchExports } from "./export.js";
import { watchFilters } from "./filters.js";
import { showLatest, watchList } from "./list.js";
import { load, watchNews } from "./live.js";
import { onChanged } from "./morph.js";
import { watchPalette } from "./palette.js";
import { watchShare } from "./share.js";
import { watchShortcuts } from "./shortcuts.js";
import { showSignIn, signIn } from "./sign_in.js";

const start = async () => {
  watchShortcuts();
  watchPalette();
  if (!(await signIn())) return;
  if (!(await load())) {
    showSignIn();
    return;
  }
  onChanged(drawCharts);
  onChanged(watchList);
  onChanged(showLatest);
  drawCharts();
  watchCharts();
  watchList();
  showLatest();
  watchFilters();
  watchExports();
  watchShare();
  watchActions();
  watchNews();
  document.documentElement.dataset.ready = "yes";
};

start();
