// Pages with Plausible's snippet: plausible(name, {props, revenue, interactive, u, callback}), calls
// from before the script was there, plausible.init(options), and class names that tell of events.

(function ($w, $d) {
  var $own = $d.currentScript || {}, $before = $w.plausible || {}, $calls = $before.q || [], $options = $before.o, $runs;
  var $manual = 0;
  $manual = 1; // [manual]

  function $run() {
    if ($runs) return;
    $runs = 1;
    if ($options && $options.autoCapturePageviews === false) $manual = 1;
    START;
    $calls.forEach(function ($call) {
      $plausible.apply(0, $call);
    });
  }

  function $plausible($name, $given) {
    if (!$runs) return $calls.push(arguments);
    $given = $given || {};
    var $props = ($options || 0).customProperties, $revenue = $given.revenue || {};
    if (typeof $props == 'function') $props = $props($name);
    if ($name == 'pageview') $w.headcount.show && $w.headcount.show($given.u || $given.url);
    else $w.headcount($name, {
      props: Object.assign({}, $props, $given.props),
      value: !'CURRENCY' || !$revenue.currency || $revenue.currency == 'CURRENCY' ? +$revenue.amount : 0,
      interactive: $given.interactive
    });
    if ($given.callback) $given.callback({status: 202});
  }

  function $tagged($event) { // [tagged]
    var $element = $event.target, $depth = 0, $told, $link = $element.closest && $element.closest('a[href]'); // [tagged]
    function $read($class) { // [tagged]
      var $match = /^plausible-(event|revenue)-(.+?)(?:=|--)(.+)/.exec($class), $value = $match && $match[3].replace(/\+/g, ' '); // [tagged]
      if ($match && $match[1] == 'revenue') $told.revenue[$match[2]] = $value; // [tagged]
      else if ($match && $match[2] == 'name') $told.name = $value; // [tagged]
      else if ($match) $told.props[$match[2]] = $value; // [tagged]
    } // [tagged]
    for (; $element && $depth < 4; $element = $element.parentElement, $depth++) { // [tagged]
      $told = {props: {}, revenue: {}}; // [tagged]
      if (($element.tagName == 'FORM') == ($event.type == 'submit')) [].forEach.call($element.classList || [], $read); // [tagged]
      if ($link && $event.type != 'submit') $told.props.url = $link.href; // [tagged]
      if ($told.name) return $plausible($told.name, $told); // [tagged]
    } // [tagged]
  } // [tagged]
  ['click', 'submit'].forEach(function ($type) { // [tagged]
    $d.addEventListener($type, $tagged, true); // [tagged]
  }); // [tagged]

  $plausible.init = function ($given) {
    $options = $given || {};
    $run();
  };
  $plausible.l = true;
  $w.plausible = $plausible;
  if ($options) // [waits]
  $run();
})(window, document);
