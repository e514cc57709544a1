// How long the page had the visitor's attention, visible and its window in focus; and how far down
// it was read, in percent of its height.

var $attention = 0, $since = 0, $attentive;
var $lowest = 0; // [scroll]

function $measure() {
  var $now = performance.now();
  // The clock comes by every 10 s; a longer gap is a computer that slept.
  if ($attentive) $attention += Math.min($now - $since, 2e4);
  $since = $now;
  $attentive = !$d.hidden && $d.hasFocus();
}

function $scroll() { // [scroll]
  $lowest = Math.max($lowest, pageYOffset + innerHeight); // [scroll]
} // [scroll]

// Tells what is not yet told, before the page is left for another or hidden.
function $settle($left) {
  $measure();
  $scroll(); // [scroll]
  // Less is what passes between two events of the same leaving.
  if ($attention > 99) $add('engagement', {
    value: Math.round($attention),
    props: {scroll: Math.round($lowest / $d.documentElement.scrollHeight * 100)} // [scroll]
  }), $attention = 0;
  if ($left) $lowest = 0; // [scroll]
}

$on('scroll', $scroll); // [scroll]
$on('focus', $measure);
$on('blur', $measure);
$measure();
