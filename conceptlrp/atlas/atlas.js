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

/* Previous and next page by the arrow keys; a button beside every text to copy. */
(function () {
  "use strict";
  function isTyping(target) {
    return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }
  document.addEventListener("keydown", function (event) {
    var rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (!rel || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || isTyping(event.target)) return;
    var link = document.querySelector('link[rel="' + rel + '"]');
    if (link) location.href = link.href;
  });
  function copied(button, code) {
    function done() {
      button.textContent = "Copied";
      setTimeout(function () { button.textContent = "Copy"; }, 1500);
    }
    function select() {
      getSelection().selectAllChildren(code);
      if (document.execCommand("copy")) done();
    }
    /* A page from disk is a secure context in some browsers only. */
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, select);
    else select();
  }
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("code.copy").forEach(function (code) {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "bare";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy " + (code.dataset.what || "this text"));
      button.addEventListener("click", function () { copied(button, code); });
      code.after(button);
    });
  });
})();
