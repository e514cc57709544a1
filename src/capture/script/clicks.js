// Where people click, in percent of the page's width from its left and its top.

$on('click', function ($event) {
  var $scale = 100 / $d.documentElement.scrollWidth;
  // A keyboard's click has no place.
  if ($event.detail) $add('click', {props: {x: Math.round($event.pageX * $scale), y: Math.round($event.pageY * $scale)}});
});
