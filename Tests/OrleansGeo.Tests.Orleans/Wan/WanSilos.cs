using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansGeo.Api;
using OrleansGeo.Api.Demo;
using OrleansGeo.Clustering;
using OrleansGeo.Engine;
using OrleansGeo.Grains;
using OrleansGeo.Membership;
using OrleansGeo.Primitives;
using OrleansGeo.Storage.Memory;
using OrleansGeo.Tests.Orleans.Clustering;

namespace OrleansGeo.Tests.Orleans.Wan;

/// <summary>
/// Silos in one process, built by hand: over TCP, with REST, in three regions with a WAN between them, and a database of the membership in
/// each region that is reached over the same WAN. A silo that is told it is dead, or whose node fails, is started again in its place, as a
/// supervisor does with a process.
/// </summary>
internal sealed class WanSilos : IOutageStage, IAsyncDisposable
{
    // As many as the region goal takes, each in a zone of its own.
    private static readonly (string Region, char Zone)[] s_places =
        [("us-east1", 'a'), ("us-east1", 'b'), ("us-west1", 'a'), ("us-west1", 'b'), ("europe-west1", 'a')];

    private static readonly string[] s_regions = [.. s_places.Select(static place => place.Region).Distinct()];

    private readonly MemoryDatabases _databases = new();
    private readonly string _id = $"c-{Guid.NewGuid():N}";
    private readonly ClusterSeed _seed;
    private readonly WanLines _lines = new(DelayOf);
    private readonly ImmutableArray<Slot> _slots;
    private readonly ConcurrentQueue<Exception> _failures = new();
    private readonly CancellationTokenSource _ending = new();
    private Task _supervision = Task.CompletedTask;

    private WanSilos()
    {
        _slots = [.. s_places.Select(static (place, i) => new Slot($"n{i + 1}", place.Region, $"{place.Region}-{place.Zone}"))];
        _seed = new(
            _id, new byte[32], [.. _slots.Select(static (slot, i) => new NodeRecord(new(i + 1), slot.Name, slot.Region, slot.Zone, null))]);
        Nodes = [.. _slots.Select(static slot => new OutageNode(slot.Name, slot.Region, slot.Zone, new($"http://127.0.0.1:{slot.Http}")))];
    }

    public ImmutableArray<OutageNode> Nodes { get; }

    public Uri Front => Nodes[^1].Address;

    public TimeSpan Patience { get; } = TimeSpan.FromMinutes(2);

    /// <summary>Silos that ended by themselves and were started again.</summary>
    public int Revived { get; private set; }

    public static async Task<WanSilos> StartAsync()
    {
        var silos = new WanSilos();
        await RegisterSeats.FoundAsync(silos._databases.Connect(silos._id), CancellationToken.None);
        foreach (var slot in silos._slots)
        {
            await silos.StartAsync(slot);
        }

        silos._supervision = silos.SuperviseAsync();
        return silos;
    }

    public Task BreakAsync(OutageFault fault, CancellationToken stop)
    {
        foreach (var other in s_regions.Where(other => other != fault.Name))
        {
            if (fault.Kind != OutageFaultKind.CutRegionOut)
            {
                _lines.Between(other, fault.Name).Cut();
            }

            if (fault.Kind != OutageFaultKind.CutRegionIn)
            {
                _lines.Between(fault.Name, other).Cut();
            }
        }

        return Task.CompletedTask;
    }

    public Task MendAsync(CancellationToken stop)
    {
        foreach (var (from, to) in s_regions.SelectMany(static from => s_regions.Select(to => (from, to))))
        {
            _lines.Between(from, to).Join();
        }

        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await MendAsync(CancellationToken.None);
        await _ending.CancelAsync();
        await _supervision;
        foreach (var slot in _slots)
        {
            await KillAsync(slot);
        }

        _ending.Dispose();
        Assert.Empty(_failures);
    }

    // As long as light takes, one way, with some cable; nearly nothing between zones.
    private static TimeSpan DelayOf(string from, string to) => TimeSpan.FromMilliseconds(
        from == to ? 0 : (from, to) is ("us-west1", "europe-west1") or ("europe-west1", "us-west1") ? 73 : 32);

    private async Task StartAsync(Slot slot)
    {
        slot.IsOver = false;
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, slot.Http));
        builder.Services.AddRoutingCore();
        builder.Services.AddLogging();
        builder.UseOrleans(silo => Configure(silo, slot));
        builder.Services.AddGeoApi();
        var app = builder.Build();
        app.MapGeoApi();
        slot.App = app;
        await app.StartAsync(_ending.Token);
    }

    private void Configure(ISiloBuilder silo, Slot slot)
    {
        silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (_id, "orleansgeo"));
        silo.Configure<SiloOptions>(options => options.SiloName = slot.Name);
        silo.ConfigureEndpoints(IPAddress.Loopback, slot.Port, 0, listenOnAnyHostAddress: false);
        silo.Services.AddSingleton<IFatalErrorHandler>(new EndsTheSilo(slot));
        silo.Services.AddSingleton<INodeFailure>(new NodeMayNotFail(slot, _failures));
        silo.Services.AddSingleton(new MembershipRegister(
            [.. _databases.Connect(_id).Select((acceptor, i) => new WanAcceptor(acceptor, _lines, slot.Region, s_regions[i]))],
            new() { CallTimeout = TimeSpan.FromSeconds(10), Register = new() { AcceptorTimeout = TimeSpan.FromSeconds(2) } },
            TimeProvider.System,
            new RecordedLog<MembershipRegister>()));
        silo.UseMajorityClustering(options =>
        {
            foreach (var database in _databases.Options.Databases)
            {
                options.Databases.Add(database);
            }
        });
        var middleware = new WanMiddleware(_lines, slot.Region, port => _slots.First(other => other.Port == port).Region);
        silo.Configure<SiloConnectionOptions>(connections =>
            connections.ConfigureSiloOutboundConnection(connection => connection.UseMiddleware(middleware)));
        silo.AddOrleansGeo(new()
        {
            Node = new() { Name = slot.Name, Region = slot.Region, Zone = slot.Zone },
            Seed = _seed,
            OpenStorage = () => slot.Disk.Open(TimeProvider.System),
        });
    }

    // Nobody is told, and its connections end; the disk keeps what was synced.
    private static async Task KillAsync(Slot slot)
    {
        try
        {
            await slot.App!.StopAsync(new CancellationToken(canceled: true));
        }
        catch (OperationCanceledException)
        {
            // It did not get to end in good order, which is what was asked.
        }

        await slot.App!.DisposeAsync();
        slot.Disk.Crash(new Prng(1));
    }

    private async Task SuperviseAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            foreach (var slot in _slots.Where(static slot => slot.IsOver))
            {
                Revived++;
                await KillAsync(slot);
                await StartAgainAsync(slot);
            }

            await Task.Delay(100, CancellationToken.None);
        }
    }

    // One that does not come up ends, and is started once more, as a process is.
    private async Task StartAgainAsync(Slot slot)
    {
        try
        {
            await StartAsync(slot);
        }
        catch (Exception) when (!_ending.IsCancellationRequested)
        {
            slot.IsOver = true;
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    /// <summary>A silo's place, over its lives.</summary>
    private sealed class Slot(string name, string region, string zone)
    {
        private volatile bool _isOver;

        public string Name => name;

        public string Region => region;

        public string Zone => zone;

        public int Port { get; } = SiloSettingsTests.FreePort();

        public int Http { get; } = SiloSettingsTests.FreePort();

        public MemoryDisk Disk { get; } = new();

        public WebApplication? App { get; set; }

        /// <summary>The process would have ended.</summary>
        public bool IsOver { get => _isOver; set => _isOver = value; }
    }

    private sealed class EndsTheSilo(Slot slot) : IFatalErrorHandler
    {
        public bool IsUnexpected(Exception exception) => true;

        public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null) => slot.IsOver = true;
    }

    private sealed class NodeMayNotFail(Slot slot, ConcurrentQueue<Exception> failures) : INodeFailure
    {
        public void NodeFailed(Exception reason)
        {
            failures.Enqueue(reason);
            slot.IsOver = true;
        }
    }

    /// <summary>A database over the WAN: what is asked arrives or waits, and so does the answer.</summary>
    private sealed class WanAcceptor(IAcceptor acceptor, WanLines lines, string here, string there) : IAcceptor
    {
        public AcceptorIdentity Identity => acceptor.Identity;

        public async Task<AcceptorReply> AskAsync(AcceptorRequest request, CancellationToken cancellation)
        {
            await PassAsync(here, there, cancellation);
            var reply = await acceptor.AskAsync(request, cancellation);
            await PassAsync(there, here, cancellation);
            return reply;
        }

        public Task<bool> SeatAsync(AcceptorState state, CancellationToken cancellation) => acceptor.SeatAsync(state, cancellation);

        private Task PassAsync(string from, string to, CancellationToken cancellation)
        {
            var line = lines.Between(from, to);
            return line.ArriveAsync(line.Due(), cancellation);
        }
    }
}
