using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;

namespace OrleansGeo.Simulation.Scenarios;

/// <summary>Clients on every node that read and write both tables of a <see cref="ScenarioHost"/> while a story is told.</summary>
public sealed class ScenarioLoad
{
    private readonly ScenarioHost _host;
    private readonly List<HistoryClient> _clients = [];

    /// <summary>Starts the clients: one a node and table.</summary>
    public ScenarioLoad(ScenarioHost host, params TableRef[] tables)
    {
        _host = host;
        foreach (var node in host.Nodes)
        {
            foreach (var table in tables)
            {
                var client = new HistoryClient(host, History, _clients.Count, node, table, 3);
                _clients.Add(client);
                host.Begin(client.RunAsync);
            }
        }
    }

    /// <summary>What was asked and answered.</summary>
    public History History { get; } = new();

    /// <summary>Runs until every client was served at least once more; throws when one is not in time.</summary>
    public void AwaitProgress(long timeoutMs)
    {
        var before = _clients.ConvertAll(client => client.Served);
        _host.RunUntil(
            () => !_clients.Where((client, i) => client.Served == before[i]).Any(),
            timeoutMs, $"a client was not served for {timeoutMs} ms");
    }

    /// <summary>Stops the clients, waits for what is under way, and says whether what they were told can be true.</summary>
    public Verdict Finish()
    {
        _clients.ForEach(client => client.Stop());
        _host.RunUntil(() => _clients.All(client => client.IsDone), 10_000, "a client still waits");
        return LinearizabilityChecker.Check(History);
    }
}
