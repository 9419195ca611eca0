using System.Text;
using Npgsql;
using OrleansGeo.Membership;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Membership.Postgres;

/// <summary>One register on three servers, and clients of it.</summary>
internal sealed class PostgresRegister : IAsyncDisposable
{
    // Long enough for a busy machine: only what is paused or dead may run into it.
    public static readonly RegisterOptions Options = new()
    {
        AcceptorTimeout = TimeSpan.FromSeconds(3),
        RoundsMax = 12,
        RetryPause = TimeSpan.FromMilliseconds(5),
        RetryPauseMax = TimeSpan.FromMilliseconds(200),
    };

    private readonly string _name;
    private readonly IReadOnlyList<PostgresServer> _servers;
    private readonly List<PostgresAcceptor> _all = [];

    private PostgresRegister(string name, IReadOnlyList<PostgresServer> servers) => (_name, _servers) = (name, servers);

    public List<string> Alarms { get; } = [];

    public static async Task<PostgresRegister> Found(string name, IReadOnlyList<PostgresServer> servers)
    {
        var register = new PostgresRegister(name, servers);
        var acceptors = register.Acceptors();
        foreach (var acceptor in acceptors)
        {
            await acceptor.ApplySchemaAsync(CancellationToken.None);
        }

        var outcome = await RegisterSeats.FoundAsync(acceptors, CancellationToken.None);
        return outcome is SeatingOutcome.Seated ? register : throw new InvalidOperationException(outcome.ToString());
    }

    /// <summary>Acceptors as a process of its own has them.</summary>
    public IReadOnlyList<PostgresAcceptor> Acceptors()
    {
        var set = AcceptorIdentity.SetOf(_name, ["a", "b", "c"]);
        PostgresAcceptor[] acceptors =
            [.. set.Select((identity, i) => new PostgresAcceptor(identity, _servers[i].ConnectionString, Options.AcceptorTimeout))];
        lock (_all)
        {
            _all.AddRange(acceptors);
        }

        return acceptors;
    }

    /// <summary>A client as a process of its own has one: it knows nothing yet.</summary>
    public RegisterClient Client(RegisterOptions? options = null) => new(
        Acceptors(), options ?? Options, TimeProvider.System, new Prng((ulong)Random.Shared.NextInt64()), Alarm);

    public Task<SeatingOutcome> Readmit(string acceptor) => RegisterSeats.ReadmitAsync(Acceptors(), acceptor, CancellationToken.None);

    public async Task<T?> Scalar<T>(int server, string sql)
    {
        await using var connection = new NpgsqlConnection(_servers[server].ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql.Replace("$register", $"'{_name}'", StringComparison.Ordinal), connection);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    public async Task Execute(int server, string sql)
    {
        await using var connection = new NpgsqlConnection(_servers[server].ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql.Replace("$register", $"'{_name}'", StringComparison.Ordinal), connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>What an acceptor says of itself.</summary>
    public Task<AcceptorReply> Inspect(int acceptor) =>
        Acceptors()[acceptor].AskAsync(new AcceptorRequest.Inspect(0), CancellationToken.None);

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static async Task<long> Change(RegisterClient client, long expected, string text) =>
        await client.TryChangeAsync(expected, Bytes(text), CancellationToken.None) is ChangeOutcome.Changed changed
            ? changed.Version
            : throw new InvalidOperationException($"the change of version {expected} was not made");

    public static async Task<(long Version, string Text)> Read(RegisterClient client) =>
        await client.ReadAsync(CancellationToken.None) switch
        {
            ReadOutcome.Found found => (found.Version, Encoding.UTF8.GetString(found.Bytes.Span)),
            var other => throw new InvalidOperationException(other.ToString()),
        };

    public async ValueTask DisposeAsync()
    {
        foreach (var acceptor in _all)
        {
            await acceptor.DisposeAsync();
        }
    }

    private void Alarm(string acceptor, RefusalKind kind, string reason)
    {
        lock (Alarms)
        {
            Alarms.Add($"{acceptor} {kind}: {reason}");
        }
    }
}
