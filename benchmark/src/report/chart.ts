import { BarChart } from 'echarts/charts';
import { GridComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { BenchmarkResult, ContenderResult, ScenarioResult } from '../result.ts';
import { type Metric, scenarios } from '../scenarios.ts';
import { formatCount, formatDecimal } from './columns.ts';

use([BarChart, GridComponent, TitleComponent, SVGRenderer]);

/** Panels per row, and their sizes in pixels. */
const COLUMNS = 3;
const PANEL = { width: 400, height: 176, head: 48, names: 150, values: 64 } as const;
const HEAD = 56;

const colours: Readonly<Record<string, string>> = {
  'raw-ws': '#9aa5b1',
  'socket.io-2': '#d9a441',
};
const ownColours = ['#2f6fb0', '#5b97d1', '#8bb8e3', '#b9d5f0'];

const captions: Readonly<Record<Metric, string>> = {
  messagesPerSecond: 'messages/s, more is better',
  cpuMicrosPerMessage: 'CPU µs per message, less is better',
  p99Ms: '99th percentile in ms, less is better',
  connectionsPerSecond: 'clients/s, more is better',
  bytesPerConnection: 'bytes per client, less is better',
};

/** Renders a bar chart as SVG: one panel per scenario, with its main figure. */
export function renderChart({ environment, scenarios: results }: BenchmarkResult): string {
  const panels = results.map((result, index) => panelOf(result, index));
  const rows = Math.ceil(results.length / COLUMNS);
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: COLUMNS * PANEL.width,
    height: HEAD + rows * PANEL.height,
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: [
      {
        text: `${environment.processor}, ${environment.cores} cores, Node.js ${environment.node}`,
        left: 16,
        top: 12,
        textStyle: { fontSize: 15, fontWeight: 'normal', color: '#444444' },
      },
      ...panels.map(({ title }) => title),
    ],
    grid: panels.map(({ grid }) => grid),
    xAxis: panels.map(({ xAxis }) => xAxis),
    yAxis: panels.map(({ yAxis }) => yAxis),
    series: panels.map(({ series }) => series),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function panelOf(result: ScenarioResult, index: number) {
  const metric = scenarios.find(({ name }) => name === result.scenario)?.metric;
  const shown = metric ?? 'messagesPerSecond';
  const left = (index % COLUMNS) * PANEL.width;
  const top = HEAD + Math.floor(index / COLUMNS) * PANEL.height;
  return {
    title: {
      text: result.title,
      subtext: captions[shown],
      left: left + 16,
      top,
      itemGap: 4,
      textStyle: { fontSize: 13, color: '#222222' },
      subtextStyle: { fontSize: 11, color: '#777777' },
    },
    grid: {
      left: left + PANEL.names,
      top: top + PANEL.head,
      width: PANEL.width - PANEL.names - PANEL.values,
      height: PANEL.height - PANEL.head - 20,
    },
    xAxis: { gridIndex: index, type: 'value' as const, min: 0, show: false },
    yAxis: {
      gridIndex: index,
      type: 'category' as const,
      inverse: true,
      data: result.contenders.map(({ title }) => title),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { fontSize: 11, color: '#444444' },
    },
    series: {
      type: 'bar' as const,
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: 16,
      data: barsOf(result.contenders, shown),
    },
  };
}

function barsOf(contenders: readonly ContenderResult[], metric: Metric) {
  const isCount = metric !== 'p99Ms' && metric !== 'cpuMicrosPerMessage';
  const own = contenders.filter(({ contender }) => colours[contender] === undefined);
  return contenders.map((entry) => {
    const value = entry.median[metric];
    const shade = ownColours[own.indexOf(entry) % ownColours.length] ?? '';
    return {
      value: value ?? 0,
      itemStyle: { color: colours[entry.contender] ?? shade, borderRadius: [0, 2, 2, 0] },
      label: {
        show: true,
        position: 'right' as const,
        fontSize: 11,
        color: '#222222',
        formatter: value === undefined ? '–' : (isCount ? formatCount : formatDecimal)(value),
      },
    };
  });
}
