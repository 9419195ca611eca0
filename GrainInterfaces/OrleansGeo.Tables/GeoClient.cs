using System.ComponentModel.DataAnnotations;
using OrleansGeo.Primitives;
using OrleansGeo.Tables.Mapping;

namespace OrleansGeo.Tables;

/// <summary>How calls wait and repeat.</summary>
public sealed record GeoClientOptions
{
    /// <summary>How long a call may take, all its attempts and pauses together.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one attempt may take; at most 60 s. A node that does not answer at all is given up half a second later.</summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The pause after the first refused attempt. It doubles with each further one.</summary>
    public TimeSpan PauseMin { get; set; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest pause, unless the cluster asks for a longer one.</summary>
    public TimeSpan PauseMax { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The clock that timeouts and pauses are counted on.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Spreads the pauses of many callers.</summary>
    public Random Chance { get; set; } = Random.Shared;

    internal void Validate()
    {
        if (Timeout <= TimeSpan.Zero || AttemptTimeout <= TimeSpan.Zero || AttemptTimeout > TimeSpan.FromSeconds(60))
        {
            throw new ValidationException("Timeout is above zero, and AttemptTimeout is above zero and at most 60 s.");
        }

        if (PauseMin <= TimeSpan.Zero || PauseMax < PauseMin)
        {
            throw new ValidationException("PauseMin is above zero and PauseMax is not below it.");
        }
    }
}

/// <summary>
/// A cluster, as code in C# uses it: <c>client.Database("shop").Table&lt;Order&gt;("orders")</c>. Safe for concurrent use; make one and
/// keep it. What calls guarantee and how they fail is in <c>docs/sdk.md</c>.
/// </summary>
public sealed class GeoClient
{
    /// <summary>A client of a store: an embedded one, or one behind Orleans.</summary>
    /// <exception cref="ValidationException">The options make no sense.</exception>
    public GeoClient(IGeoStore store, GeoClientOptions? options = null)
    {
        Options = options is null ? new() : options with { };
        Options.Validate();
        Requests = new(store, Options);
    }

    /// <summary>The store itself, for what tables do not offer: one attempt a call, and refusals as results.</summary>
    public IGeoStore Store => Requests.Store;

    internal GeoClientOptions Options { get; }

    internal RequestLoop Requests { get; }

    /// <summary>A database. Nothing is asked yet.</summary>
    public GeoDatabase Database(string name) => new(this, name, null);

    /// <summary>A call in a session, or in none. What it read or wrote, the session has seen then.</summary>
    internal async Task<GeoResult<TResult>> RunAsync<TResult>(
        RequestAttempt<TResult> attempt, GeoSession? session, string? requestId, Func<TResult, HlcTimestamp>? writtenAt,
        CancellationToken cancellation)
        where TResult : class
    {
        var sent = session?.Current ?? default;
        var result = await Requests.RunAsync(attempt, new(Options.Timeout, requestId, sent.Token), cancellation);
        var seen = writtenAt is not null && result.IsOk ? writtenAt(result.Value) : result.Meta.ReadTimestamp;
        session?.Advance(sent.Seen, result.Meta.Session, seen ?? HlcTimestamp.Zero);
        return result;
    }
}

/// <summary>A database, with or without a session.</summary>
public sealed class GeoDatabase
{
    private readonly GeoClient _client;
    private readonly GeoSession? _session;

    internal GeoDatabase(GeoClient client, string name, GeoSession? session) => (_client, Name, _session) = (client, name, session);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The same database; what goes through it belongs to the session.</summary>
    public GeoDatabase InSession(GeoSession session) => new(_client, Name, session);

    /// <summary>
    /// A table whose rows are a <typeparamref name="TRow"/> each. Nothing is asked yet: the first call on it checks that the two fit.
    /// </summary>
    /// <exception cref="GeoMappingException">The type cannot be mapped to columns.</exception>
    public GeoTable<TRow> Table<TRow>(string name)
        where TRow : class => new(_client, new(Name, name), RowMap<TRow>.Instance, _session);

    /// <summary>
    /// Makes a table whose columns are those of <typeparamref name="TRow"/>, unless there is one: then type and table must fit. A property
    /// that is not nullable becomes a column that is not. The key is what has a <see cref="KeyAttribute"/>, else <c>Id</c>.
    /// </summary>
    /// <exception cref="GeoMappingException">The type cannot be mapped, has no key, or the table that exists does not fit.</exception>
    /// <exception cref="GeoException">It could not be made.</exception>
    public async Task<GeoTable<TRow>> EnsureTableAsync<TRow>(
        string name, TableLocality? locality = null, SurvivalGoal? survive = null, CancellationToken cancellation = default)
        where TRow : class
    {
        var table = Table<TRow>(name);
        if (!await table.ExistsAsync(cancellation))
        {
            var spec = RowMap<TRow>.Instance.ToSpec(name, locality ?? new TableLocality.Regional(), survive);
            var requestId = WriteOptions.NewRequestId();
            var result = await _client.Requests.RunAsync(
                (store, options, token) => store.CreateTableAsync(Name, spec, options, token),
                new(_client.Options.Timeout, requestId, null),
                cancellation);
            if (result.Error is { Kind: not GeoErrorKind.AlreadyExists } error)
            {
                throw GeoException.Of(error, result.Meta, requestId);
            }
        }

        await table.CheckAsync(cancellation);
        return table;
    }

    /// <summary>
    /// Reads, conditions and writes over rows of any tables of the database: all of it at one moment, or nothing. The cluster repeats it
    /// when it meets others; it is made once, however often it was sent. <see cref="GeoConditionException"/> when a condition does not
    /// hold, or a row is not as a write demands: <see cref="GeoError.Field"/> names the step, as in <c>conditions[2]</c> or
    /// <c>writes[0]</c>, counted from zero.
    /// </summary>
    /// <param name="steps">Adds the steps: <c>t => t.Require(…).Increment(…)</c>. Runs once.</param>
    /// <param name="options">Isolation and request id.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <exception cref="GeoException">It was refused, or its outcome is not known.</exception>
    public async Task<TransactionDone> TransactAsync(
        Action<TransactionSteps> steps, TransactionOptions? options = null, CancellationToken cancellation = default)
    {
        var building = new TransactionSteps(Name);
        steps(building);
        var request = await building.BuildAsync(options?.Isolation ?? TransactionIsolation.Serializable, cancellation);
        var requestId = options?.RequestId ?? (request.Writes.IsEmpty ? null : WriteOptions.NewRequestId());
        var result = await _client.RunAsync<TransactionResult>(
            (store, terms, token) => store.TransactAsync(Name, request, terms, token),
            _session, requestId, done => done.CommitTimestamp, cancellation);
        if (result.Error is not { } error)
        {
            return new(request, result.Value!, result.Meta);
        }

        var refused = GeoException.Of(error, result.Meta, requestId);
        if (refused is GeoRequestException)
        {
            // A table that was made anew under its name may look different.
            foreach (var table in building.Tables)
            {
                table.Forget();
            }
        }

        throw refused;
    }

    /// <summary>
    /// Begins a transaction that stays open. Dispose of it. Where it is over because of others, it has to be begun again:
    /// <see cref="RunAsync"/> does so by itself.
    /// </summary>
    /// <exception cref="GeoException">It could not be begun.</exception>
    public async Task<GeoTransaction> BeginAsync(OpenOptions? options = null, CancellationToken cancellation = default)
    {
        var begin = (options ?? new()).ToBegin();
        var result = await _client.RunAsync<TransactionBegun>(
            (store, terms, token) => store.BeginTransactionAsync(Name, begin, terms, token), _session, null, null, cancellation);
        return result.Error is { } error
            ? throw GeoException.Of(error, result.Meta, null)
            : new(_client, _session, Name, result.Value!);
    }

    /// <summary>
    /// Runs work in a transaction that stays open and commits it; from the beginning again when it is over because of others, until
    /// <see cref="GeoClientOptions.Timeout"/> has passed. What the work throws ends it, and nothing is written.
    /// </summary>
    /// <param name="work">Reads and writes; it may run several times, so it does nothing else.</param>
    /// <param name="options">Isolation and the like.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <exception cref="GeoException">It was not committed, or that is not known.</exception>
    public async Task<TransactionResult> RunAsync(
        Func<GeoTransaction, Task> work, OpenOptions? options = null, CancellationToken cancellation = default)
    {
        var started = _client.Options.Time.GetTimestamp();
        for (var attempts = 1; ; attempts++)
        {
            await using var transaction = await BeginAsync(options, cancellation);
            try
            {
                await work(transaction);
                return await transaction.CommitAsync(cancellation);
            }
            catch (GeoTransactionOverException) when (_client.Options.Time.GetElapsedTime(started) < _client.Options.Timeout)
            {
                await Task.Delay(_client.Requests.Pause(attempts, null), _client.Options.Time, cancellation);
            }
        }
    }
}
