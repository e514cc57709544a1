// For pages that were written for another tracker, and count pages by hand: headcount.show(PATH).
// The first such call tells of the document, as the server has counted it.

$w.headcount.show = function ($pathname) {
  var $parts = /^(?:[a-z]+:\/\/[^\/]*)?\/?([^?#]*)([^#]*)(.*)/i.exec($pathname || $l.href);
  $pathname = '/' + $parts[1]
    + $kept($parts[2]) // [query]
    + $parts[3] // [hash]
  ;
  if (!$shown) return $start();
  // Without $manual this is counted by itself.
  if (!$manual && $pathname == $page) return;
  $settle(1); // [engagement]
  $page = $pathname;
  $show('history');
};
