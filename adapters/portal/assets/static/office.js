// Comforts of the daily work: forms that are sent once, pages that follow what happens, the keyboard. Every page works without this file.
'use strict'
;(function () {
  var body, live, rows = function () { return [].slice.call(document.querySelectorAll('[data-row]')) }

  // A form is sent once: its button rests until the answer is there. The node would answer a second sending with the first act anyway.
  document.addEventListener('submit', function (e) {
    var form = e.target
    if (!form.hasAttribute('data-once')) return
    if (form.dataset.sent) { e.preventDefault(); return }
    form.dataset.sent = '1'
    var wait = form.querySelector('.wait')
    if (wait) wait.hidden = false
    setTimeout(function () { form.querySelectorAll('button').forEach(function (b) { b.disabled = true }) }, 0)
  })
  window.addEventListener('pageshow', function () {
    document.querySelectorAll('form[data-once]').forEach(function (form) {
      delete form.dataset.sent
      form.querySelectorAll('button').forEach(function (b) { b.disabled = false })
      var wait = form.querySelector('.wait')
      if (wait) wait.hidden = true
    })
  })

  // A day picked beside the usual deadlines chooses "day"; a list of persons can be narrowed.
  document.addEventListener('input', function (e) {
    var t = e.target
    if (t.dataset && t.dataset.picks) {
      var radio = t.closest('fieldset').querySelector('input[type=radio][value="' + t.dataset.picks + '"]')
      if (radio) radio.checked = true
    }
    if (t.hasAttribute && t.hasAttribute('data-narrow')) {
      var words = plain(t.value)
      t.closest('details').querySelectorAll('.boxes label').forEach(function (l) {
        l.hidden = words !== '' && plain(l.textContent).indexOf(words) < 0 && !l.querySelector('input').checked
      })
    }
  })
  document.addEventListener('change', function (e) {
    if (e.target.dataset && e.target.dataset.fills && e.target.dataset.picks) {
      var day = e.target.closest('fieldset').querySelector('input[type=radio][value="' + e.target.dataset.picks + '"]')
      if (day) day.checked = true
    }
    var many = e.target.closest && e.target.closest('.many')
    if (many) chosen(many)
  })
  // Chosen files stand below the button in the words of the page; what is too much is said before it is sent.
  function pickFiles (input) {
    var label = input.closest('.pick'), most = 100 * 1024 * 1024
    label.querySelector('[data-pick]').hidden = false
    input.classList.add('unseen')
    function show () {
      var field = label.closest('fieldset'), list = field.querySelector('[data-picked]'), all = 0
      list.replaceChildren.apply(list, [].map.call(input.files, function (f) {
        var li = document.createElement('li'), name = document.createElement('bdi'), size = document.createElement('small')
        name.textContent = f.name.replace(/[\u0000-\u001f\u007f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g, '□')
        size.textContent = f.size < 1048576 ? Math.ceil(f.size / 1024) + ' KB' : Math.ceil(f.size / 104857.6) / 10 + ' MB'
        all += f.size
        li.append(name, size)
        return li
      }))
      field.querySelector('[data-toomuch]').hidden = all <= most && input.files.length <= 20
    }
    input.addEventListener('change', show)
    ;['dragover', 'dragleave', 'drop'].forEach(function (name) {
      label.addEventListener(name, function (e) {
        label.classList.toggle('over', name === 'dragover')
        if (name === 'dragleave') return
        e.preventDefault()
        if (name === 'drop' && e.dataTransfer.files.length) { input.files = e.dataTransfer.files; show() }
      })
    })
  }
  function chosen (many) {
    var n = many.querySelectorAll('input:checked').length, badge = many.querySelector('[data-chosen]')
    if (!badge) return // the boxes are all in sight
    badge.hidden = n === 0
    badge.textContent = n
  }
  function plain (s) { return s.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '').replace(/đ/g, 'd') }

  // Opening the form of an act leads to its first field; a menu closes when one presses elsewhere.
  document.addEventListener('toggle', function (e) {
    var d = e.target
    if (!d.open || !d.classList || !d.classList.contains('act')) return
    var first = d.querySelector('form select, form textarea, form input:not([type=hidden])')
    if (first) first.focus({ preventScroll: true })
  }, true)
  document.addEventListener('click', function (e) {
    document.querySelectorAll('details.menu[open]').forEach(function (m) { if (!m.contains(e.target)) m.open = false })
    var keys = e.target.closest && e.target.closest('[data-act=keys]')
    if (keys && openKeys()) e.preventDefault()
  })

  // The keyboard. It rests in fields, with modifiers, and where the person has switched it off.
  var keysOff = function () { try { return localStorage.getItem('tram-keys') === 'off' } catch (e) { return false } }
  var going = 0
  function openKeys () {
    var d = document.getElementById('keys')
    if (!d || !d.showModal) return false
    document.querySelectorAll('details.menu[open]').forEach(function (m) { m.open = false })
    if (!d.open) d.showModal()
    return true
  }
  document.addEventListener('keydown', function (e) {
    if (e.key === 'Escape') {
      document.querySelectorAll('details.menu[open], details.act[open]').forEach(function (m) { m.open = false; m.querySelector('summary').focus() })
      return
    }
    if (keysOff() || e.ctrlKey || e.altKey || e.metaKey || e.isComposing || document.querySelector('dialog[open]')) return
    if (e.target.closest && e.target.closest('input, textarea, select, [contenteditable]')) return
    if (going && Date.now() - going < 1500) {
      going = 0
      var to = document.querySelector('[data-jump="' + (window.CSS && CSS.escape ? CSS.escape(e.key) : '') + '"]')
      if (to) { e.preventDefault(); to.click() }
      return
    }
    switch (e.key) {
      case '?': if (openKeys()) e.preventDefault(); break
      case 'g': going = Date.now(); break
      case '/': var q = visible('#q') || visible('#find') || visible('#words'); if (q) { e.preventDefault(); q.focus(); q.select() } break
      case 'j': case 'k': step(e.key === 'j' ? 1 : -1); break
    }
  })
  function visible (s) { var e = document.querySelector(s); return e && e.offsetParent !== null ? e : null }
  function step (by) {
    var all = rows(), at = all.indexOf(document.activeElement), next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by]
    if (next) { next.focus(); next.scrollIntoView({ block: 'nearest' }) }
  }

  // What happens meanwhile: counts change in place, lists are read again, a changed document says so.
  function show (id, on) { var e = document.getElementById(id); if (e) e.hidden = !on }
  function count (name, n) {
    document.querySelectorAll('[data-count="' + name + '"]').forEach(function (e) {
      e.textContent = n
      if (e.closest('nav.pages, .bell')) e.hidden = !n
    })
  }
  function follow () {
    var q = new URLSearchParams({ mark: live.mark })
    if (live.id && !live.changed) { q.set('kind', live.kind); q.set('id', live.id); q.set('seen', live.seen) }
    var stop = new AbortController(), timer = setTimeout(function () { stop.abort() }, 40000)
    fetch(live.url + '?' + q, { headers: { Accept: 'application/json' }, redirect: 'manual', signal: stop.signal, credentials: 'same-origin' }).then(function (r) {
      clearTimeout(timer)
      if (r.type === 'opaqueredirect') return { ended: true }
      if (!r.ok) throw new Error('status ' + r.status)
      return r.json()
    }).then(function (a) {
      live.failed = 0
      show('offline', false)
      if (a.ended) { show('ended', true); return setTimeout(follow, 20000) }
      show('ended', false)
      var fresh = a.mark !== live.mark
      live.mark = a.mark
      if (a.counts) ['mine', 'unit', 'late', 'watch'].forEach(function (k) { count(k, a.counts[k] || 0) })
      count('notes', a.notes || 0)
      if (a.changed && !live.changed) { live.changed = true; show('changed', true) }
      if (fresh) renew()
      setTimeout(follow, 300)
    }).catch(function () {
      clearTimeout(timer)
      live.failed++
      if (live.failed > 1 || !navigator.onLine) show('offline', true)
      setTimeout(follow, Math.min(30000, 1000 * Math.pow(2, live.failed)))
    })
  }
  function renew () {
    var list = document.querySelector('[data-live-list]')
    if (!list || document.querySelector('dialog[open]')) return
    var before = {}
    list.querySelectorAll('[data-key]').forEach(function (e) { before[e.dataset.key] = e.dataset.v })
    fetch(location.href, { credentials: 'same-origin', redirect: 'error' }).then(function (r) { if (!r.ok) throw new Error('status ' + r.status); return r.text() }).then(function (html) {
      var next = new DOMParser().parseFromString(html, 'text/html').getElementById(list.id)
      if (!next) return
      var focus = document.activeElement && document.activeElement.closest && document.activeElement.closest('[data-key]')
      next.querySelectorAll('[data-key]').forEach(function (e) { if (before[e.dataset.key] !== e.dataset.v) e.classList.add('fresh') })
      list.replaceWith(document.adoptNode(next))
      if (focus) { var again = document.querySelector('[data-key="' + focus.dataset.key + '"] [data-row]'); if (again) again.focus({ preventScroll: true }) }
    }).catch(function () {})
  }

  document.addEventListener('DOMContentLoaded', function () {
    body = document.body
    document.querySelectorAll('.narrow-box').forEach(function (e) { e.hidden = false })
    document.querySelectorAll('.many').forEach(chosen)
    document.querySelectorAll('.pick input[type=file]').forEach(pickFiles)
    var off = document.getElementById('keys-off')
    if (off) {
      off.checked = keysOff()
      off.addEventListener('change', function () { try { localStorage.setItem('tram-keys', off.checked ? 'off' : 'on') } catch (e) {} })
    }
    // Tabs that don't fit a telephone begin where one is.
    document.querySelectorAll('.tabs [aria-current]').forEach(function (tab) {
      var row = tab.closest('.tabs')
      if (row.scrollWidth > row.clientWidth) row.scrollLeft += tab.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - tab.offsetWidth) / 2
    })
    var open = document.querySelector('details.act[open]')
    if (open) open.scrollIntoView({ block: 'center' })
    var look = document.querySelector('#changed a')
    if (look) look.href = location.pathname
    if (!body.dataset.live || !window.fetch) return
    live = { url: body.dataset.live, mark: body.dataset.mark, kind: body.dataset.kind, id: body.dataset.id, seen: body.dataset.seen, changed: false, failed: 0 }
    window.addEventListener('offline', function () { show('offline', true) })
    window.addEventListener('online', function () { show('offline', false) })
    setTimeout(follow, 1000)
  })
})()
