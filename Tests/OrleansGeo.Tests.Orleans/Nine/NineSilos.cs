using System.Collections.Immutable;
using System.Globalization;
using OrleansGeo.Api.Demo;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Membership.Postgres;
using OrleansGeo.Tests.Orleans.Clustering;

namespace OrleansGeo.Tests.Orleans.Nine;

/// <summary>
/// Nine real silos in three regions, a zone each, with the membership in a PostgreSQL in every region, and a supervisor that starts a silo
/// again when it ends by itself. The servers are given, and are killed and started with their region.
/// </summary>
internal sealed class NineSilos : IOutageStage, IAsyncDisposable
{
    private static readonly string[] s_regions = ["us-east1", "us-west1", "europe-west1"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("geo-nine-");
    private readonly IReadOnlyList<PostgresServer> _servers;
    private readonly RegionNetwork? _network;
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Action> _mends = [];
    private Task _supervision = Task.CompletedTask;

    public NineSilos(IReadOnlyList<PostgresServer> servers, RegionNetwork? network = null)
    {
        (_servers, _network) = (servers, network);
        Silos = [.. Enumerable.Range(0, 9).Select(i => new Slot(Settings(i), i / 3))];
        Nodes =
        [
            .. Silos.Select(slot => slot.Settings).Select(settings => new OutageNode(
                settings.Name!, settings.Region!, settings.Zone!, new($"http://{settings.HttpAddress}:{settings.HttpPort}"))),
        ];
    }

    public ImmutableArray<Slot> Silos { get; }

    public ImmutableArray<OutageNode> Nodes { get; }

    /// <summary>A node outside the home region, so that it is there whatever becomes of the home.</summary>
    public Uri Front => Nodes[^1].Address;

    /// <summary>Processes start anew, nine of them on a machine that others use.</summary>
    public TimeSpan Patience { get; } = TimeSpan.FromMinutes(2);

    /// <summary>Silos that ended by themselves and were started again.</summary>
    public int Revived { get; private set; }

    private string ClusterPath => Path.Combine(_folder.FullName, "cluster.json");

    /// <summary>Founds the cluster and starts all of it.</summary>
    public async Task StartAsync()
    {
        // Where the databases can be reached from.
        Posix.Run(
        [
            .. _network?.Inside(0) ?? [], GeoSiloProcess.Program, "init", "--cluster-file", ClusterPath,
            .. Silos.Select(static slot => slot.Settings).SelectMany(static node =>
                new[] { "--seed", $"{node.Name}={node.Region}/{node.Zone}@http://{node.HttpAddress}:{node.HttpPort}" }),
            .. Silos[0].Settings.Clustering.SelectMany(static database => new[] { "--clustering", database }),
        ]);
        foreach (var slot in Silos)
        {
            Launch(slot);
        }

        await ReadyAsync();
        _supervision = SuperviseAsync();
    }

    /// <summary>Waits until every node is ready.</summary>
    public Task ReadyAsync() => Task.WhenAll(Silos.Select(slot => slot.Process!.ReadyAsync()));

    public async Task BreakAsync(OutageFault fault, CancellationToken stop)
    {
        var lost = Silos.Where((_, i) => fault.IsOf(Nodes[i])).ToArray();
        switch (fault.Kind)
        {
            case OutageFaultKind.CrashZone or OutageFaultKind.CrashRegion:
                await Task.WhenAll(lost.Select(slot => slot.KillAsync()));
                break;
            case OutageFaultKind.PauseZone or OutageFaultKind.PauseRegion:
                Pause(lost);
                break;
            default:
                Cut(fault);
                break;
        }

        // A region has its database with it.
        if (fault.Kind == OutageFaultKind.CrashRegion)
        {
            _servers[RegionOf(fault.Name)].Kill();
        }
        else if (fault.Kind == OutageFaultKind.PauseRegion)
        {
            _servers[RegionOf(fault.Name)].Pause();
            _mends.Add(_servers[RegionOf(fault.Name)].Resume);
        }
    }

    /// <summary>Processes stand still until all is mended.</summary>
    public void Pause(params IReadOnlyList<Slot> slots)
    {
        foreach (var process in slots.Select(static slot => slot.Process!.Id))
        {
            Posix.Signal(process, "STOP");
            _mends.Add(() => Posix.Signal(process, "CONT"));
        }
    }

    public Task MendAsync(CancellationToken stop)
    {
        Undo();
        foreach (var slot in Silos.Where(slot => !slot.IsWanted))
        {
            if (!_servers[slot.Region].IsRunning)
            {
                _servers[slot.Region].Launch();
            }

            Launch(slot);
        }

        return Task.CompletedTask;
    }

    /// <summary>The membership, read from outside, where no region is cut off.</summary>
    public async Task<IReadOnlyCollection<MemberRow>> MembersAsync()
    {
        var seen = _servers.Select((server, i) => server.ConnectionString.Replace(
            _network!.WanAddress(i), _network.LookAddress(i), StringComparison.Ordinal));
        await using var register = MembershipRegister.Of(
            ClusterFile.Read(ClusterPath).ClusterId,
            ClusterDatabases.Options([.. seen.Select((text, i) => $"{MemoryDatabases.Names[i]}={text}")]),
            TimeProvider.System,
            new RecordedLog<MembershipRegister>());
        return [.. (await register.ReadAsync()).Rows.Values];
    }

    /// <summary>The silo that leads the one range of a table.</summary>
    public async Task<Slot> LeaderOfAsync(DemoClient client, string table, CancellationToken stop)
    {
        while (true)
        {
            var reply = await client.InsistAsync(HttpMethod.Get, Front, "/v1/ranges", null, stop);
            var range = reply.Json.GetProperty("ranges").EnumerateArray().Single(range => range.GetProperty("table").GetString() == table);
            if (Silos.FirstOrDefault(slot => slot.Settings.Name == range.GetProperty("leaseholder").GetString()) is { } leader)
            {
                return leader;
            }
        }
    }

    /// <summary>Stops a silo as a service manager does, and starts it again.</summary>
    public async Task RestartAsync(Slot slot)
    {
        slot.IsWanted = false;
        Assert.Equal(ExitCodes.Done, await slot.Process!.TerminateAsync());
        Launch(slot);
        await slot.Process!.ReadyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        // The servers are of other tests too.
        Undo();
        await _ending.CancelAsync();
        await _supervision;
        foreach (var slot in Silos)
        {
            slot.Process?.Dispose();
        }

        foreach (var server in _servers.Where(server => !server.IsRunning))
        {
            server.Launch();
        }

        _ending.Dispose();
        _folder.Delete(recursive: true);
    }

    private static int RegionOf(string name) => Array.IndexOf(s_regions, name);

    private void Undo()
    {
        _mends.ForEach(static mend => mend());
        _mends.Clear();
    }

    // Whatever was cut, and in which direction, is joined again.
    private void Cut(OutageFault fault)
    {
        var region = RegionOf(fault.Name);
        if (fault.Kind == OutageFaultKind.CutRegion)
        {
            _network!.Cut(region);
            _mends.Add(() => _network.Join(region));
            return;
        }

        foreach (var other in Enumerable.Range(0, s_regions.Length).Where(other => other != region))
        {
            var (from, to) = fault.Kind == OutageFaultKind.CutRegionIn ? (other, region) : (region, other);
            _network!.Lose(from, to);
            _mends.Add(() => _network.Find(from, to));
        }
    }

    private SiloSettings Settings(int node)
    {
        var region = node / 3;
        return new()
        {
            Name = $"n{(node + 1).ToString(CultureInfo.InvariantCulture)}",
            Region = s_regions[region],
            Zone = $"{s_regions[region]}-{(char)('a' + (node % 3))}",
            Data = Path.Combine(_folder.FullName, $"n{node + 1}"),
            ClusterFile = ClusterPath,
            Address = _network?.WanAddress(region) ?? "127.0.0.1",
            HttpAddress = _network?.LookAddress(region) ?? "127.0.0.1",
            SiloPort = SiloSettingsTests.FreePort(),
            GatewayPort = SiloSettingsTests.FreePort(),
            HttpPort = SiloSettingsTests.FreePort(),
            Clustering = PostgresDatabases.Clustering(_servers),

            // With a network of their own they are not on loopback.
            Security = new() { Insecure = _network is not null },
        };
    }

    private void Launch(Slot slot)
    {
        var isFirst = slot.Process is null;
        slot.Process?.Dispose();
        slot.Process = GeoSiloProcess.Start(slot.Settings with { FirstStart = isFirst }, _network?.Inside(slot.Region) ?? []);
        slot.IsWanted = true;
    }

    private async Task SuperviseAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            foreach (var slot in Silos.Where(slot => slot.IsWanted && slot.Process!.HasEnded))
            {
                Revived++;
                slot.Ends.Add(slot.Process!.Said);
                Launch(slot);
            }

            await Task.Delay(100, CancellationToken.None);
        }
    }

    /// <summary>A silo's place, over its lives.</summary>
    internal sealed class Slot(SiloSettings settings, int region)
    {
        public SiloSettings Settings { get; } = settings;

        public int Region { get; } = region;

        /// <summary>False while it is to be down.</summary>
        public bool IsWanted { get; set; }

        public GeoSiloProcess? Process { get; set; }

        /// <summary>What it said each time it ended by itself.</summary>
        public List<string> Ends { get; } = [];

        public Task KillAsync()
        {
            IsWanted = false;
            return Process!.KillAsync();
        }
    }
}
