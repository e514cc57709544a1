// Single-page applications: another path without another document is another page.

function $moved() {
  if ($manual) return; // [others]
  // Nor while prerendering: nobody sees it yet.
  if ($where() == $place || $d.prerendering) return;
  $place = $where();
  $settle(1); // [engagement]
  $page = $place;
  $show('history');
}

['pushState', 'replaceState'].forEach(function ($name) { // [history]
  var $original = history[$name]; // [history]
  history[$name] = function () { // [history]
    $original.apply(history, arguments); // [history]
    // A framework that puts its address right while the document loads shows no other page.
    if ($name != 'pushState' && $d.readyState != 'complete') $place = $where(); // [history]
    $moved(); // [history]
  }; // [history]
}); // [history]
$on('popstate', $moved); // [history]
$on('hashchange', $moved); // [hash]
