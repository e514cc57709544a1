// Whether a page was any help: the event of the demo's handbook.
document.addEventListener('submit', function (event) {
  if (!event.target.matches('.helpful')) return;
  event.preventDefault();
  if (window.headcount) headcount('Helpful', {props: {answer: event.submitter.value}});
  event.target.textContent = 'Thank you.';
});
