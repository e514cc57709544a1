// Everything is in place: count this load, and keep the clock.

// A page that is hidden may never be seen again.
function $leave() {
  $settle(); // [engagement]
  $report(); // [vitals]
  $send();
}

$on('pagehide', $leave);
$on('visibilitychange', function () {
  if ($d.hidden) $leave();
  $measure(); // [engagement]
});
setInterval(function () {
  $measure(); // [engagement]
  // A long read is told by the minute, so that the session does not end meanwhile.
  if ($attention > 6e4) $settle(); // [engagement]
  if (!(++$round % $patience)) $send();
}, 1e4);
// Back from the back/forward cache: shown again.
$on('pageshow', function ($event) {
  if ($event.persisted) $show('bfcache');
});

function $start() {
  $shown = 1; // [others]
  $show($entry.activationStart ? 'prerender' : 'load', $address[1] + $address[2]
    + $l.hash // [hash]
  );
}
if (!$manual) // [others]
if ($d.prerendering) $on('prerenderingchange', $start);
else $start();
