using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using OrleansGeo.Api.Observability;
using OrleansGeo.Engine;

namespace OrleansGeo.Benchmarks;

/// <summary>Listens to the metrics of nodes and reads them every few seconds, as the page of each node and its scraper do.</summary>
internal sealed class WatchedNodes : IDisposable
{
    private static readonly TimeSpan s_scrapes = TimeSpan.FromSeconds(5);

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly List<NodeMetrics> _nodes = [];
    private readonly List<MetricsCollector> _collectors = [];
    private readonly Timer _scraper;

    public WatchedNodes() => _scraper = new(_ => Scrape(), null, s_scrapes, s_scrapes);

    public NodeMetrics Watch(NodeRecord node)
    {
        var metrics = new NodeMetrics(node.Name, node.Region, node.Zone, scope: new());
        lock (_nodes)
        {
            _nodes.Add(metrics);
            _collectors.Add(new(_services.GetRequiredService<IMeterFactory>(), [new(metrics.Scope!)]));
        }

        return metrics;
    }

    public void Dispose()
    {
        _scraper.Dispose();
        lock (_nodes)
        {
            _collectors.ForEach(static collector => collector.Dispose());
            _nodes.ForEach(static node => node.Dispose());
        }

        _services.Dispose();
    }

    private void Scrape()
    {
        lock (_nodes)
        {
            _collectors.ForEach(static collector => collector.Render());
        }
    }
}
