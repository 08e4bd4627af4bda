(function () {
  "use strict";
  var config = { displayModeBar: false, responsive: true, scrollZoom: false };
  var figures = null;  // by name, once they are unpacked
  var waiting = [];
  var drawn = [];

  function unpacked(id) {
    var packed = document.getElementById(id);
    var bytes = Uint8Array.from(atob(packed.textContent), function (letter) { return letter.charCodeAt(0); });
    packed.remove();
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  // One choice of recipe holds for all figures that offer it.
  function follow(place) {
    place.on("plotly_buttonclicked", function (event) {
      var name = event.button.label;
      drawn.forEach(function (other) {
        if (other === place || other.dataset.linked !== place.dataset.linked) { return; }
        var menu = (other.layout.updatemenus || [])[0];
        var number = menu ? menu.buttons.findIndex(function (button) { return button.label === name; }) : -1;
        if (number < 0) { return; }  // nothing was measured for that recipe
        Plotly.update(other, menu.buttons[number].args[0], { "updatemenus[0].active": number });
      });
    });
  }
  function folded(place) { return Boolean(place.closest("details:not([open])")); }
  function draw(name) {
    var place = document.getElementById(name);
    Plotly.newPlot(place, figures[name].data, figures[name].layout, config);
    if (place.dataset.linked) { follow(place); }
    drawn.push(place);
  }
  // Figure by figure, so that the page can be read and scrolled from the start, and only what is unfolded;
  // `data-drawn` says when all of that is there.
  function drawOn() {
    var number = waiting.findIndex(function (name) { return !folded(document.getElementById(name)); });
    if (number < 0) { document.documentElement.dataset.drawn = "all"; return; }
    draw(waiting.splice(number, 1)[0]);
    setTimeout(drawOn, 0);
  }
  function unfoldTarget() {
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var part = target && target.closest("details"); part; part = part.parentElement.closest("details")) {
      part.open = true;
    }
    if (target) { target.scrollIntoView(); }
  }
  document.querySelectorAll("details").forEach(function (part) {
    part.addEventListener("toggle", function () {
      if (part.open && figures) { delete document.documentElement.dataset.drawn; setTimeout(drawOn, 0); }
    });
  });
  window.addEventListener("hashchange", unfoldTarget);
  window.addEventListener("load", function () {
    unfoldTarget();
    Promise.all([unpacked("plotly-packed"), unpacked("figures-packed")]).then(function (texts) {
      var library = document.createElement("script");
      library.textContent = texts[0];
      document.head.appendChild(library);
      figures = JSON.parse(texts[1]);
      waiting = Object.keys(figures);
      drawOn();
    });
  });
  if (window.matchMedia("(min-width: 761px)").matches) { document.querySelector("details.contents").open = true; }

  // Paper shows everything and is narrower than the screen: figures are drawn anew for it.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (part) { part.open = true; });
    while (waiting.length) { draw(waiting.shift()); }
    drawn.forEach(function (place) { Plotly.relayout(place, { width: 670 }); });
  });
  window.addEventListener("afterprint", function () {
    drawn.forEach(function (place) { Plotly.relayout(place, { width: null, autosize: true }); });
  });
})();
