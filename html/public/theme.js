// Before the first paint, so that a chosen theme does not flash the other.
try {
  var theme = localStorage.getItem('pharos.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch (e) {
  // no storage: as the system has it
}
