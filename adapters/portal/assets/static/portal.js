// Small comforts. Every page works without this file.
'use strict'
document.addEventListener('change', function (e) {
  // A date picked in the calendar is written into the field beside it the way people write dates.
  var id = e.target.dataset && e.target.dataset.fills
  if (!id || !e.target.value) return
  var d = e.target.value.split('-')
  document.getElementById(id).value = d[2] + '/' + d[1] + '/' + d[0]
  e.target.value = ''
})
document.addEventListener('DOMContentLoaded', function () {
  var print = document.querySelector('[data-act=print]')
  if (print) {
    print.hidden = false
    print.addEventListener('click', function () { window.print() })
  }
})
// After a filter has changed the list in place, "print" prints that list.
document.addEventListener('htmx:afterSettle', function () {
  var results = document.getElementById('results'), link = document.getElementById('print-link')
  if (results && link && results.dataset.print) link.href = results.dataset.print
})
