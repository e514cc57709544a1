// The site's own events: headcount('Signup', {props: {plan: 'pro'}, value: 9.5}), and elements
// that say it in HTML: <a data-headcount="Signup" data-headcount-plan="pro"
// data-headcount-value="9.5">.

$w.headcount = function ($name, $options) {
  $options = $options || 0;
  $add('event', {
    interactive: $options.interactive, // [others]
    name: $name, props: $options.props, value: $options.value
  });
};
$early.forEach(function ($call) {
  $w.headcount.apply(0, $call);
});

$on('click', function ($event) {
  var $element = $around($event, '[data-headcount]'), $data = $element && $element.dataset, $props = {}, $key;
  for ($key in $data) if (/^headcount(?!Value)./.test($key)) $props[$key.slice(9).toLowerCase()] = $data[$key];
  if ($data) $w.headcount($data.headcount, {props: $props, value: +$data.headcountValue});
});
