// Where people click, in percent of the page's width from its left and its top. The first click on
// a page brings its outline along: where on it which kinds of elements are, and nothing of what
// they say.

var $outlined;

$on('click', function ($event) {
  // A keyboard's click has no place.
  if (!$event.detail) return;
  var $boxes = [];
  function $percent($length) {
    return Math.round($length * 100 / $d.documentElement.scrollWidth);
  }
  if ($outlined != $page) [].forEach.call($d.querySelectorAll('nav,form,header,footer,button,img,svg,table,p,ul,ol,h1,h2,h3'), function ($element) {
    var $box = $element.getBoundingClientRect();
    $boxes.push([$element.localName, [$box.left, $box.top + pageYOffset, $box.width, $box.height].map($percent)]);
  });
  $outlined = $page;
  $add('click', {props: {x: $percent($event.pageX), y: $percent($event.pageY), boxes: $boxes.slice(0, 200)}});
});
