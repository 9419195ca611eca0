using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using OrleansGeo.Membership;
using OrleansGeo.Primitives;

namespace OrleansGeo.Clustering;

/// <summary>
/// The membership table of one cluster as one process reaches it. Calls may come from any scheduler: what they wait for does not run on it,
/// so that a busy or stopped one delays nobody else's.
/// </summary>
public sealed partial class MembershipRegister : IAsyncDisposable
{
    private readonly IReadOnlyList<IAcceptor> _acceptors;
    private readonly TimeSpan _callTimeout;
    private readonly TimeProvider _time;
    private readonly ILogger<MembershipRegister> _logger;
    private readonly RegisterClient _client;
    private readonly MembershipTableStore _store;

    /// <summary>Makes a client over these acceptors, which it owns. Nothing is asked yet.</summary>
    public MembershipRegister(
        IReadOnlyList<IAcceptor> acceptors, MajorityClusteringOptions options, TimeProvider time, ILogger<MembershipRegister> logger)
    {
        (_acceptors, _callTimeout, _time, _logger) = (acceptors, options.CallTimeout, time, logger);
        _client = new(acceptors, options.Register, time, new(TrueChance()), Report);
        _store = new(_client);
    }

    /// <summary>Makes a client of a cluster's membership in its databases. Nothing is asked yet.</summary>
    public static MembershipRegister Of(
        string clusterId, MajorityClusteringOptions options, TimeProvider time, ILogger<MembershipRegister> logger) =>
        new(AcceptorsOf(clusterId, options), options, time, logger);

    /// <summary>The databases as acceptors of a cluster's register, in their order in it.</summary>
    public static IReadOnlyList<PostgresAcceptor> AcceptorsOf(string clusterId, MajorityClusteringOptions options)
    {
        var databases = options.Databases.ToDictionary(database => database.Name, StringComparer.Ordinal);
        return
        [
            .. AcceptorIdentity.SetOf(clusterId, databases.Keys).Select(identity => new PostgresAcceptor(
                identity, databases[identity.Acceptor].ConnectionString, options.Register.AcceptorTimeout)),
        ];
    }

    /// <summary>The table at a moment of the call.</summary>
    /// <exception cref="MembershipUnavailableException">No majority of the databases answered.</exception>
    public async Task<MembershipTable> ReadAsync() => await InTime(_store.ReadAsync) switch
    {
        TableOutcome.Done done => done.Table,
        var other => throw Failed(other),
    };

    /// <summary>Changes the table, and says whether the change held. The function gives null when it does not.</summary>
    /// <exception cref="MembershipUnavailableException">No majority of the databases answered, or none in time.</exception>
    public async Task<bool> ChangeAsync(Func<MembershipTable, MembershipTable?> change) =>
        await InTime(cancellation => _store.ChangeAsync(change, cancellation)) switch
        {
            TableOutcome.Done => true,
            TableOutcome.Declined => false,
            var other => throw Failed(other),
        };

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        foreach (var acceptor in _acceptors.OfType<IAsyncDisposable>())
        {
            await acceptor.DisposeAsync();
        }
    }

    private void Report(string database, RefusalKind kind, string reason) => DatabaseRefused(_logger, database, kind, reason);

    private async Task<TableOutcome> InTime(Func<CancellationToken, Task<TableOutcome>> call)
    {
        using var timeout = new CancellationTokenSource(_callTimeout, _time);
        return await Task.Run(() => call(timeout.Token));
    }

    // Two lives of a proposer that drew one identity could take each other's ballots for their own.
    private static ulong TrueChance()
    {
        Span<byte> seed = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(seed);
        return BinaryPrimitives.ReadUInt64LittleEndian(seed);
    }

    private static MembershipUnavailableException Failed(TableOutcome outcome) => outcome switch
    {
        TableOutcome.Unavailable none => new($"The membership has no majority of its databases: {none.Reason}.", false),
        TableOutcome.Unknown unknown => new($"Whether the membership was changed is not known: {unknown.Reason}.", true),
        _ => throw new InvalidOperationException($"not an outcome: {outcome}"),
    };
}
