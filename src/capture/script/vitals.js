// The browser's own measure of the load: TTFB, LCP, INP in milliseconds, CLS as a score.

var $vitals = {}, $shift = 0, $first = 0, $last = 0, $activated = $entry.activationStart || 0;

function $most($name, $value) {
  $vitals[$name] = Math.max($vitals[$name] || 0, $value);
}

function $observe($type, $each) {
  // A browser may have no observers, or throw at a type it does not know.
  try {
    new PerformanceObserver(function ($list) {
      $list.getEntries().forEach($each);
    }).observe({type: $type, buffered: true, durationThreshold: 40});
  } catch ($error) {}
}

if ($entry.responseStart) $most('TTFB', $entry.responseStart - $activated);
$observe('largest-contentful-paint', function ($event) {
  $most('LCP', $event.startTime - $activated);
});
// The worst window of shifts less than 1 s apart, 5 s at most.
$observe('layout-shift', function ($event) {
  var $now = $event.startTime;
  if ($event.hadRecentInput) return;
  if ($now - $last > 1e3 || $now - $first > 5e3) $shift = 0, $first = $now;
  $last = $now;
  $most('CLS', $shift += $event.value);
});
$observe('event', function ($event) {
  if ($event.interactionId) $most('INP', $event.duration);
});

// Once, when the page is first hidden: they are about the load.
function $report() {
  for (var $name in $vitals) $add('vital', {name: $name, value: $vitals[$name]});
  // Takes no more properties.
  $vitals = 0;
}
