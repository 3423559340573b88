const source = new EventSource(location.pathname);
for (const event of ["state", "tick"]) {
  source.addEventListener(event, (message) => {
    const data = JSON.parse(message.data);
    if (data.summary) document.getElementById("summary").textContent = data.summary.text;
    document.getElementById("state").textContent = JSON.stringify(data, null, 1);
  });
}
