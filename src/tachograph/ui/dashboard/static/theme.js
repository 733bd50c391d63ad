// Before anything is painted: the colours that were chosen last.
(() => {
  let theme = "system";
  try { theme = localStorage.getItem("tachograph-theme") || "system"; } catch { /* no storage: the system's */ }
  document.documentElement.dataset.theme = theme;
})();
