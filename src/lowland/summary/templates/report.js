(function () {
  "use strict";
  var config = { displayModeBar: false, responsive: true, scrollZoom: false };
  var drawn = Object.keys(figures).map(function (name) {
    var place = document.getElementById(name);
    Plotly.newPlot(place, figures[name].data, figures[name].layout, config);
    return place;
  });
  // One choice of recipe holds for all figures that offer it.
  drawn.filter(function (place) { return place.dataset.linked; }).forEach(function (place) {
    place.on("plotly_buttonclicked", function (event) {
      var number = event.active;
      drawn.forEach(function (other) {
        if (other === place || other.dataset.linked !== place.dataset.linked) { return; }
        var button = other.layout.updatemenus[0].buttons[number];
        Plotly.update(other, button.args[0], { "updatemenus[0].active": number });
      });
    });
  });
  // Paper is narrower than the screen: figures are drawn anew for it.
  window.addEventListener("beforeprint", function () {
    drawn.forEach(function (place) { Plotly.relayout(place, { width: 670 }); });
  });
  window.addEventListener("afterprint", function () {
    drawn.forEach(function (place) { Plotly.relayout(place, { width: null, autosize: true }); });
  });
})();
