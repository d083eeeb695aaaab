/* Light or dark, as chosen or as the system has it; remembered where that works. */
(function () {
  "use strict";
  var root = document.documentElement;
  function remembered() { try { return localStorage.getItem("atlas-theme"); } catch (e) { return null; } }
  function remember(theme) { try { localStorage.setItem("atlas-theme", theme); } catch (e) { /* only for this page */ } }
  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  if (["light", "dark"].indexOf(remembered()) >= 0) root.dataset.theme = remembered();
  document.addEventListener("DOMContentLoaded", function () {
    var button = document.getElementById("theme");
    function name() { button.textContent = isDark() ? "Light" : "Dark"; }
    button.hidden = false;
    name();
    button.addEventListener("click", function () {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(root.dataset.theme);
      name();
      document.dispatchEvent(new Event("themechange"));
    });
  });
})();
