/* Steps through the game of a page: the large board, what is said of the move, and the
   line in the charts follow a slider. All of it stands in the list of moves too. */
(() => {
  "use strict";
  function begin() {
    const page = document.getElementById("game");
    if (!page || page.dataset.begun) return;
    page.dataset.begun = "yes";
    const byId = (id) => document.getElementById(id);
    const slider = byId("game-slider"), large = byId("game-large"), said = byId("game-said");
    const moves = [...document.querySelectorAll(".plies > li")];
    const limit = Number(page.querySelector(".game-board .scale")?.dataset.limit || 0);
    let at = 0;
    function show(to) {
      at = Math.max(0, Math.min(moves.length - 1, to));
      const board = window.Boards.read(moves[at].querySelector(".bd"));
      large.innerHTML = window.Boards.svg({ ...board, limit, coordinates: true });
      large.firstChild.setAttribute("role", "img");
      large.firstChild.removeAttribute("aria-hidden");
      large.firstChild.setAttribute("aria-label", window.Boards.words(board));
      said.textContent = moves[at].querySelector("figcaption").textContent.replace(/\s+/g, " ").trim();
      slider.value = at;
      page.querySelectorAll(".cursor").forEach((line) => {
        const width = line.ownerSVGElement.viewBox.baseVal.width;
        line.setAttribute("transform", `translate(${(at * width) / Math.max(1, moves.length - 1)} 0)`);
      });
    }
    slider.oninput = () => show(+slider.value);
    byId("game-back").onclick = () => show(at - 1);
    byId("game-on").onclick = () => show(at + 1);
    large.hidden = byId("game-steps").hidden = false;
    page.querySelectorAll("svg.moves").forEach((chart) => chart.addEventListener("click", (event) => {
      if (event.target.closest("a")) return;
      const { left, width } = chart.getBoundingClientRect();
      show(Math.round(((event.clientX - left) / width) * (moves.length - 1)));
    }));
    page.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#move-"]');
      if (!link) return;
      event.preventDefault();
      show(+link.getAttribute("href").slice(6) - 1);
      slider.focus();
    });
    document.addEventListener("keydown", (event) => {
      if (!page.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, select, textarea, dialog")) return;
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: moves.length - 1 }[event.key];
      if (to === undefined) return;
      // Elsewhere these keys turn to the next page.
      event.preventDefault();
      event.stopImmediatePropagation();
      show(to);
    }, true);
    const asked = /move-(\d+)$/.exec(location.hash);
    show(asked ? +asked[1] - 1 : 0);
  }
  // In an atlas of one file pages come and go.
  const before = window.atlasStart;
  if (before) window.atlasStart = () => { before(); begin(); };
  document.addEventListener("DOMContentLoaded", begin);
})();
