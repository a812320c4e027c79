// Takes the code from the link, and removes it from the address bar and the history.

const code = decodeURIComponent(location.hash.slice(1));
if (code !== "") {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("code").value = code;
  document.getElementById("password").focus();
}
