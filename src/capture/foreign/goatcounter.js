// Pages with GoatCounter's snippet: goatcounter.count({path, event}), its settings, and
// data-goatcounter-click attributes.

(function ($w, $d) {
  var $own = $d.currentScript || {}, $goat = $w.goatcounter || {}, $told = $d.querySelector('script[data-goatcounter-settings]');
  if ($goat.vars) $goat = $goat.vars;
  $w.goatcounter = $goat;
  try {
    if ($told) Object.assign($goat, JSON.parse($told.getAttribute('data-goatcounter-settings')));
  } catch ($wrong) {
    console.warn('goatcounter: the settings are no JSON');
  }
  var $manual = $goat.no_onload;
  $goat.count = function ($vars) {
    $vars = $vars || {};
    var $path = $vars.path === undefined ? $goat.path : $vars.path;
    if (typeof $path == 'function') $path = $path(location.pathname + location.search);
    if ($path === null) return;
    if ($vars.event || $goat.event) $w.headcount($path, {});
    else if ($w.headcount.show) $w.headcount.show($path);
  };
  $goat.filter = function () {
    return false;
  };
  $goat.bind_events = function () {};
  $goat.get_query = function ($name) {
    return new URLSearchParams(location.search).get($name);
  };
  START;
  function $clicked($event) {
    var $element = !$goat.no_events && $event.target.closest && $event.target.closest('[data-goatcounter-click]');
    if ($element && $event.button < 2) $goat.count({event: 1, path: $element.getAttribute('data-goatcounter-click') || $element.name || $element.id});
  }
  $d.addEventListener('click', $clicked, true);
  $d.addEventListener('auxclick', $clicked, true);
})(window, document);
