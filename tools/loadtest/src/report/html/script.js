// Draws each plot from the JSON beside it, in the colours of the page's theme; anew when that changes, and on paper.
(() => {
  "use strict";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const byFinger = matchMedia("(pointer: coarse)").matches;
  const drawn = new Set();
  let onPaper = false;

  // Plotly applies a template below what a plot says itself.
  const theme = () => {
    const isDark = dark.matches && !onPaper;
    const ink = isDark ? "#c6cdd5" : "#3b434c";
    const page = isDark ? "#14171b" : "#ffffff";
    const faint = isDark ? "#2b323a" : "#e3e7ec";
    const edge = isDark ? "#56606b" : "#aab3bd";
    const axis = {
      gridcolor: faint,
      zerolinecolor: edge,
      linecolor: edge,
      spikecolor: edge,
      spikethickness: 1,
      spikedash: "solid",
    };
    return {
      layout: {
        font: { color: ink },
        xaxis: axis,
        yaxis: axis,
        legend: { bgcolor: "rgba(0,0,0,0)" },
        hoverlabel: { bgcolor: page, bordercolor: edge, font: { color: ink }, namelength: -1 },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: edge, activecolor: ink },
      },
    };
  };

  // Of ticks in equal steps, as many as a narrow screen has room for.
  const thin = (axis, width) => {
    if (axis.type === "log" || !axis.tickvals) return;
    const each = Math.ceil((axis.tickvals.length * 45) / width);
    const some = (_, index) => index % each === 0;
    axis.tickvals = axis.tickvals.filter(some);
    axis.ticktext = axis.ticktext.filter(some);
  };

  const draw = (plot, size) => {
    const canvas = plot.querySelector(".canvas");
    const { data, layout, config } = JSON.parse(plot.querySelector("script").textContent);
    Object.assign(layout, { template: theme() }, size);
    thin(layout.xaxis, canvas.clientWidth - 100);
    // A finger that drags means to scroll the page, and has no use for small buttons.
    if (byFinger) {
      layout.dragmode = false;
      config.displayModeBar = false;
    }
    Plotly.newPlot(canvas, data, layout, config);
    drawn.add(plot);
  };

  // One in closed details has no width yet.
  for (const plot of document.querySelectorAll(".plot")) {
    const closed = plot.closest("details:not([open])");
    if (closed) closed.addEventListener("toggle", () => draw(plot), { once: true });
    else draw(plot);
  }

  // From the beginning: a legend that a change of the size has wrapped does not find back.
  const redraw = (size) => drawn.forEach((plot) => draw(plot, size?.(plot)));
  dark.addEventListener("change", () => redraw());
  addEventListener("beforeprint", () => {
    onPaper = true;
    redraw((plot) => (plot.closest(".panel") ? { width: 320, height: 190 } : { width: 680, height: 380 }));
  });
  addEventListener("afterprint", () => {
    onPaper = false;
    redraw();
  });
})();
