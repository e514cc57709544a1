// Forms that were sent: the event "Form submit", with the form's id, name or address.

$on('submit', function ($event) {
  function $attribute($name) {
    return $event.target.getAttribute($name);
  }
  $add('event', {name: 'Form submit', props: {form: $attribute('id') || $attribute('name') || $attribute('action')}});
});
