// Before anything is painted: the theme that was chosen last.
(() => {
  let theme = "system";
  try {
    theme = localStorage.getItem("tachograph-theme") || "system";
  } catch {
    // no storage: the system's theme
  }
  document.documentElement.dataset.theme = theme;
})();
