using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Three databases, in memory or real, that can stop, start and be restored.</summary>
internal interface IMembershipDatabases
{
    /// <summary>How long a call tries.</summary>
    MajorityClusteringOptions Options { get; }

    /// <summary>The acceptors of a cluster as one more process reaches them.</summary>
    IReadOnlyList<IAcceptor> Connect(string clusterId);

    /// <summary>What 'geo-silo init' does, before it founds the register.</summary>
    Task PrepareAsync(string clusterId);

    /// <summary>The databases are no place that a silo could reach by its options.</summary>
    bool AreInMemory { get; }

    void Stop(int database);

    void Start(int database);

    /// <summary>Copies a database that is stopped; the result puts the copy back, also while it is stopped.</summary>
    Action BackUp(int database);
}

/// <summary>One cluster's membership in three databases, and the processes that use it.</summary>
internal sealed class Membership : IAsyncDisposable
{
    private readonly List<MembershipRegister> _registers = [];

    private Membership(IMembershipDatabases databases, string clusterId) => (Databases, ClusterId) = (databases, clusterId);

    public IMembershipDatabases Databases { get; }

    public string ClusterId { get; }

    public RecordedLog<MembershipRegister> Log { get; } = new();

    public IOptions<ClusterOptions> Cluster => Options.Create(new ClusterOptions { ClusterId = ClusterId });

    /// <summary>The membership of a new cluster, founded.</summary>
    public static async Task<Membership> FoundAsync(IMembershipDatabases databases)
    {
        var membership = NotFounded(databases);
        await databases.PrepareAsync(membership.ClusterId);
        var acceptors = databases.Connect(membership.ClusterId);
        Assert.IsType<SeatingOutcome.Seated>(await RegisterSeats.FoundAsync(acceptors, CancellationToken.None));
        await DisposeAsync(acceptors);
        return membership;
    }

    /// <summary>The membership of a cluster that nobody founded.</summary>
    public static Membership NotFounded(IMembershipDatabases databases) => new(databases, $"c-{Guid.NewGuid():N}");

    /// <summary>What one more process has.</summary>
    public MembershipRegister Register()
    {
        var register = new MembershipRegister(Databases.Connect(ClusterId), Databases.Options, TimeProvider.System, Log);
        lock (_registers)
        {
            _registers.Add(register);
        }

        return register;
    }

    /// <summary>The table as one more silo has it.</summary>
    public MajorityMembershipTable Table() => new(Register(), Cluster);

    /// <summary>The gateways as one more client has them.</summary>
    public MajorityGatewayListProvider Gateways(GatewayOptions? options = null) => new(Register(), Options.Create(options ?? new()));

    /// <summary>What a silo or client needs beside its options to reach the databases.</summary>
    public void Use(IServiceCollection services)
    {
        if (Databases.AreInMemory)
        {
            services.AddSingleton(Register());
        }
    }

    /// <summary>The options of a silo or client.</summary>
    public void CopyTo(MajorityClusteringOptions options)
    {
        (options.CallTimeout, options.Register) = (Databases.Options.CallTimeout, Databases.Options.Register);
        foreach (var database in Databases.Options.Databases)
        {
            options.Databases.Add(database);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var register in _registers)
        {
            await register.DisposeAsync();
        }
    }

    private static async Task DisposeAsync(IEnumerable<IAcceptor> acceptors)
    {
        foreach (var acceptor in acceptors.OfType<IAsyncDisposable>())
        {
            await acceptor.DisposeAsync();
        }
    }
}
