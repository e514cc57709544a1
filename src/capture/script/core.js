// The heart of the script: events, their buffer, and getting them to the server once each.
//
// The parts run inside one function, called with window, document, navigator and location; mod.rs
// says how they are put together and how the source has to be written for that. A line that ends
// in a bracketed word is there only where that is switched on. Old syntax only: a browser that is
// too old must find nothing to complain about.

// A second copy on the same page, or a page inside a frame, does nothing.
var $early = ($w.headcount || {q: []}).q;
if (self != top || !$early) return;
var $track = (($w.headcount || 0).base || '') + 'TRACK'; // [others]
// Whether the page counts by hand; whether this document is counted.
var $manual = ($w.headcount || 0).manual, $shown; // [others]
$w.headcount = function () {};
// Asked not to be counted, or too old to send when a page is left (the server saw the view).
if (/headcount_optout=1/.test($d.cookie) || !$w.fetch || !$n.sendBeacon) return;

// How this document came to be: its own address and its view id.
var $entry = performance.getEntriesByType('navigation')[0] || {}, $view;
($entry.serverTiming || []).forEach(function ($timing) {
  if ($timing.name == 'hc') $view = $timing.description;
});
// With its query: the campaign is in there. By now a framework may have rewritten location.
var $address = /^http.+?\/\/[^\/]+([^?#]*)([^#]*)/.exec($entry.name) || [0, $l.pathname, $l.search];
// The page now counted, and the place seen last.
var $page = $address[1], $place = $where();
$page += $kept($address[2]); // [query]
$page += $l.hash; // [hash]
// Events that wait, each already JSON.
var $queue = [];
// Rounds of the clock, and how many of them to wait between attempts.
var $round = 0, $patience = 1;

// While they are on their way down all events pass the window.
function $on($type, $listener) {
  addEventListener($type, $listener, true);
}

// Of a query, what tells pages apart.
function $kept($search) { // [query]
  return $search.replace(/[?&](?!(KEEP)=)[^&]*/gi, '').replace(/^&/, '?'); // [query]
} // [query]

function $where() {
  return $l.pathname
    + $kept($l.search) // [query]
    + $l.hash // [hash]
  ;
}

function $add($type, $event, $pathname) {
  $event.type = $type;
  $event.pathname = $pathname || $page;
  $event.timestamp = new Date;
  $event.view = $view;
  $event.n = Math.random();
  $event.screen = innerWidth + 'x' + innerHeight;
  $event = JSON.stringify($event);
  // Neither more than a beacon may hold nor more than a page can mean.
  $event[1e4] || $queue[500] || $queue.push($event);
}

// Sends what waits, by requests that outlive the page, and whose answer is seen if the page lives:
// what failed goes again, with the same n. A browser that would break them off sends beacons.
function $send() {
  var $batch = [], $body = '';
  // Fewer than 100, and within 64 KiB in any script. While prerendering nobody has seen anything.
  while (!$d.prerendering && $queue[0] && !($body + $queue[0])[1e4]) $batch.push($queue.shift()), $body = '[' + $batch;
  if (!$body) return;
  $body += ']';
  if ('keepalive' in Request.prototype) fetch($track, {method: 'POST', keepalive: true, body: $body}).then(function ($answer) {
    // Too many, or the server's own trouble; any other refusal would only be repeated.
    if ($answer.status > 428) throw 0;
    $patience = 1;
  }).catch(function () {
    $queue = $batch.concat($queue);
    $patience = Math.min($patience * 2, 32);
  });
  else $n.sendBeacon($track, $body);
  $send();
}

function $show($nav, $pathname) {
  $add('pageview', {nav: $nav, referrer: $d.referrer}, $pathname);
  $send();
}
