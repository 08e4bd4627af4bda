(function () {
  "use strict";
  var config = { displayModeBar: false, responsive: true, scrollZoom: false };
  var waiting = Object.keys(figures);
  var drawn = [];

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
  function drawNext() {
    var name = waiting.shift();
    var place = document.getElementById(name);
    Plotly.newPlot(place, figures[name].data, figures[name].layout, config);
    if (place.dataset.linked) { follow(place); }
    drawn.push(place);
  }
  // Figure by figure, so that the page can be read and scrolled from the start; `data-drawn` says when all are there.
  function drawOn() {
    if (!waiting.length) { document.documentElement.dataset.drawn = "all"; return; }
    drawNext();
    setTimeout(drawOn, 0);
  }
  window.addEventListener("load", function () { setTimeout(drawOn, 0); });

  // Paper is narrower than the screen: figures are drawn anew for it.
  window.addEventListener("beforeprint", function () {
    while (waiting.length) { drawNext(); }
    drawn.forEach(function (place) { Plotly.relayout(place, { width: 670 }); });
  });
  window.addEventListener("afterprint", function () {
    drawn.forEach(function (place) { Plotly.relayout(place, { width: null, autosize: true }); });
  });
})();
