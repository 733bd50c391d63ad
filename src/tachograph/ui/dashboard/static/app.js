// The page: puts its parts to work, and again after every change of it.
import { drawCharts } from "./charts.js";
import { watchExports } from "./carry.js";
import { watchFilters } from "./filters.js";
import { watchKeys } from "./keys.js";
import { watchList } from "./list.js";
import { live } from "./live.js";
import { onChanged } from "./morph.js";
import { watchPalette } from "./palette.js";
import { watchDoing } from "./doing.js";

onChanged(drawCharts);
onChanged(watchList);
drawCharts();
watchList();
watchFilters();
watchExports();
watchKeys();
watchPalette();
watchDoing();
live();
document.documentElement.dataset.ready = "yes";
