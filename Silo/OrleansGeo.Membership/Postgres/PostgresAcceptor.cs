using System.Collections.Immutable;
using Npgsql;
using NpgsqlTypes;
using OrleansGeo.Primitives;

namespace OrleansGeo.Membership;

/// <summary>
/// An acceptor in a PostgreSQL database. Its answers are durable: every session commits synchronously, and a server that runs without
/// fsync is refused. Requests that are given up go on in the server until its own time limit, so only so many may be under way; further
/// ones fail at once, which is an acceptor that does not answer.
/// </summary>
public sealed class PostgresAcceptor : IAcceptor, IAsyncDisposable
{
    private const int UnderWayMax = 16;
    private const string UndefinedTable = "42P01";

    private readonly NpgsqlDataSource _source;
    private int _underWay;

    /// <summary>Makes an acceptor over a database. Nothing is asked yet.</summary>
    public PostgresAcceptor(AcceptorIdentity identity, string connectionString, TimeSpan timeout)
    {
        Identity = identity;
        var seconds = Math.Max(1, (int)Math.Ceiling(timeout.TotalSeconds));
        var given = new NpgsqlConnectionStringBuilder(connectionString);
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = given.ApplicationName ?? "orleansgeo-membership",
            Options = string.Join(' ', new[] { given.Options, "-c synchronous_commit=on" }.Where(option => !string.IsNullOrEmpty(option))),
            MaxPoolSize = Math.Min(given.MaxPoolSize, UnderWayMax),
            MaxAutoPrepare = 8,
            AutoPrepareMinUsages = 2,
            Timeout = seconds,
            CommandTimeout = seconds,
            CancellationTimeout = -1,
        };
        _source = NpgsqlDataSource.Create(settings);
    }

    /// <inheritdoc />
    public AcceptorIdentity Identity { get; }

    /// <inheritdoc />
    public Task<AcceptorReply> AskAsync(AcceptorRequest request, CancellationToken cancellation) =>
        Bounded(() => Ask(request, cancellation), cancellation);

    /// <inheritdoc />
    public Task<bool> SeatAsync(AcceptorState state, CancellationToken cancellation) =>
        Bounded(() => Seat(state, cancellation), cancellation);

    /// <summary>Makes the table where it is missing (infra/sql/membership-register.sql).</summary>
    public async Task ApplySchemaAsync(CancellationToken cancellation)
    {
        using var script = typeof(PostgresAcceptor).Assembly.GetManifestResourceStream("membership-register.sql")!;
        using var text = new StreamReader(script);
        await using var command = _source.CreateCommand(await text.ReadToEndAsync(cancellation));
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _source.DisposeAsync();

    // The driver's own cancellation talks to the server first, which is no good when the server is what does not answer.
    private async Task<T> Bounded<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (Interlocked.Increment(ref _underWay) > UnderWayMax)
        {
            Interlocked.Decrement(ref _underWay);
            throw new TimeoutException($"{UnderWayMax} requests to acceptor '{Identity.Acceptor}' are unanswered");
        }

        return await Counted(call).WaitAsync(cancellation);
    }

    private async Task<T> Counted<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (NpgsqlException failure) when (failure is not PostgresException)
        {
            // The other pooled connections lead to the same server, which is gone or was started anew.
            _source.Clear();
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    private async Task<AcceptorReply> Ask(AcceptorRequest request, CancellationToken cancellation)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellation);
            await using var command = CommandFor(request, connection);
            var (isDone, row) = await Query(command);
            if (row is null)
            {
                return Unseated();
            }

            if (Refusal(row, request.Floor) is not { } refused)
            {
                var isRepeated = request is AcceptorRequest.Accept accept && row.Report.Accepted == accept.Ballot;
                return new AcceptorReply.Answer(isDone || isRepeated, row.Report);
            }

            if (refused.Kind == RefusalKind.Regressed)
            {
                await using var quarantine = Command(
                    connection, PostgresStatements.Quarantine, Identity.Register, request.Floor, refused.Reason);
                await quarantine.ExecuteNonQueryAsync(CancellationToken.None);
            }

            return refused;
        }
        catch (PostgresException missing) when (missing.SqlState == UndefinedTable)
        {
            return Unseated();
        }
        catch (CodecException unreadable)
        {
            return new AcceptorReply.Refused(RefusalKind.Unreadable, unreadable.Message);
        }
    }

    private AcceptorReply.Refused Unseated() => new(RefusalKind.Unseated, $"has no record as {Identity}");

    private AcceptorReply.Refused? Refusal(Row row, long floor) =>
        !row.Identity.Equals(Identity) ? new(RefusalKind.Stranger, $"is {row.Identity}, not {Identity}")
        : !row.IsSynced ? new(RefusalKind.Unsafe, "is on a server that runs with fsync off")
        : row.Refusal is { } refusal ? new(RefusalKind.Quarantined, refusal, row.Report.Writes)
        : !row.IsIntact ? new(RefusalKind.Tampered, "has a record that was copied or edited by hand", row.Report.Writes)
        : row.Report.Writes < floor
            ? new(RefusalKind.Regressed, Acceptor.RegressionText(row.Report.Writes, floor), row.Report.Writes)
        : null;

    private NpgsqlCommand CommandFor(AcceptorRequest request, NpgsqlConnection connection) => request switch
    {
        AcceptorRequest.Prepare prepare => Command(
            connection, PostgresStatements.Prepare,
            Identity.Register, Identity.Acceptor, Identity.Acceptors.ToArray(), request.Floor,
            prepare.Ballot.Counter, prepare.Ballot.Proposer, prepare.Witnessed.ToArray()),
        AcceptorRequest.Accept accept => Command(
            connection, PostgresStatements.Accept,
            Identity.Register, Identity.Acceptor, Identity.Acceptors.ToArray(), request.Floor,
            accept.Ballot.Counter, accept.Ballot.Proposer, accept.Witnessed.ToArray(),
            accept.Next.Counter, accept.Next.Proposer, accept.ExpectedWrites, accept.Value.Version, accept.Value.Encode()),
        _ => Command(connection, PostgresStatements.Inspect, Identity.Register),
    };

    private async Task<bool> Seat(AcceptorState state, CancellationToken cancellation)
    {
        await using var connection = await _source.OpenConnectionAsync(cancellation);
        await using var command = Command(
            connection, PostgresStatements.Seat,
            state.Identity.Register, state.Identity.Acceptor, state.Identity.Acceptors.ToArray(),
            state.Promised.Counter, state.Promised.Proposer, state.Accepted.Counter, state.Accepted.Proposer,
            state.Value.Version, state.Value.Encode(), state.Writes, state.Witnessed.ToArray());
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string text, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlCommand(text, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(value switch
            {
                string one => Typed(one, NpgsqlDbType.Text),
                long one => Typed(one, NpgsqlDbType.Bigint),
                byte[] one => Typed(one, NpgsqlDbType.Bytea),
                string[] many => Typed(many, NpgsqlDbType.Array | NpgsqlDbType.Text),
                long[] many => Typed(many, NpgsqlDbType.Array | NpgsqlDbType.Bigint),
                _ => throw new ArgumentException($"no database type for {value.GetType()}", nameof(values)),
            });
        }

        return command;
    }

    private static NpgsqlParameter<T> Typed<T>(T value, NpgsqlDbType type) => new() { TypedValue = value, NpgsqlDbType = type };

    private async Task<(bool IsDone, Row? Row)> Query(NpgsqlCommand command)
    {
        // Not cancelled: the wait for it is.
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        if (!await reader.ReadAsync(CancellationToken.None))
        {
            return (false, null);
        }

        var identity = new AcceptorIdentity(
            Identity.Register, reader.GetString(1), ImmutableArray.Create(reader.GetFieldValue<string[]>(2)));
        var report = new AcceptorReport(
            new(reader.GetInt64(3), reader.GetInt64(4)),
            new(reader.GetInt64(5), reader.GetInt64(6)),
            RegisterValue.Decode(reader.GetFieldValue<byte[]>(7)),
            reader.GetInt64(8),
            ImmutableArray.Create(reader.GetFieldValue<long[]>(9)),
            reader.GetInt64(13));
        var refusal = await reader.IsDBNullAsync(10, CancellationToken.None) ? null : reader.GetString(10);
        return (reader.GetBoolean(0), new(identity, report, refusal, reader.GetBoolean(11), reader.GetBoolean(12)));
    }

    private sealed record Row(AcceptorIdentity Identity, AcceptorReport Report, string? Refusal, bool IsIntact, bool IsSynced);
}
