using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;
using OrleansGeo.Simulation.Workloads;

namespace OrleansGeo.Simulation;

/// <summary>Runs abstract transactions step by step in open transactions, now and then through another node than the one they are
/// on.</summary>
public sealed class OpenClient(SimRun run, int id, NodeId home) : ITransactionClient
{
    private const int AttemptsMax = 4;
    private readonly Prng _prng = run.World.Prng.Fork((ulong)(5000 + id));
    private readonly OneShotClient _oneShot = new OneShotClient(run, id, home);
    private SimFront? _front;
    private string? _session;

    /// <inheritdoc />
    public async Task<TransactionEnd> RunAsync(
        AbstractTransaction transaction, Action<IReadOnlyList<MicroOperation>> about, CancellationToken cancellation)
    {
        // Beside each other, as users have them.
        if (!transaction.ReadsSpans && _prng.Chance(0.25))
        {
            return await _oneShot.RunAsync(transaction, about, cancellation);
        }

        _front ??= new(run, _prng, home);
        for (var attempt = 0; attempt < AttemptsMax && !run.IsOver; attempt++)
        {
            var begin = new TransactionBegin(run.Isolation, IdleTimeout: TimeSpan.FromMilliseconds(_prng.Between(500, 20_000)));
            if (_front.Current() is not { } front)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), run.Time, cancellation);
                continue;
            }

            var begun = await front.BeginTransactionAsync(SimRun.Database, begin, new(TimeSpan.FromSeconds(4), null, _session), default);
            if (!begun.IsOk)
            {
                _front.Met(begun.Error);
                continue;
            }

            var session = new OpenSession(run, _prng, _front, begun.Value.Id, _session);
            var end = await SessionRun.RunAsync(session, transaction, about, cancellation);
            _session = session.Session;
            if (end.Outcome != TransactionOutcome.Aborted || !session.MayTryAgain)
            {
                return end;
            }
        }

        return new(TransactionOutcome.Aborted, []);
    }
}

/// <summary>One open transaction of a simulated client.</summary>
internal sealed class OpenSession(SimRun run, Prng prng, SimFront front, string id, string? session) : ITransactionSession
{
    private bool _commitMayBeOut;
    private int _steps;

    /// <summary>The newest session token.</summary>
    public string? Session { get; private set; } = session;

    /// <summary>It is over because of others, or of a fault; not because of what it found.</summary>
    public bool MayTryAgain { get; private set; }

    /// <inheritdoc />
    public async Task<SessionRow?> ReadAsync(string key, CancellationToken cancellation) =>
        await AskAsync(new TransactionStep.Read([new(run.TableOf(key), Key(key))])) is { Value: TransactionAnswer.Rows rows }
            ? new(key, TextOf(rows.Items[0]), VersionOf(rows.Items[0]))
            : null;

    /// <inheritdoc />
    public async Task<IReadOnlyList<SessionRow>?> ScanAsync(string from, string to, CancellationToken cancellation)
    {
        var rows = new List<SessionRow>();
        var scan = new ScanRequest(
            [], [Datum.FromString(from)], [Datum.FromString(to)], [], prng.Chance(0.3), prng.Chance(0.5) ? 1_000 : 1 + prng.Below(4), null);
        do
        {
            if (await AskAsync(new TransactionStep.Scan(run.TableOf(from), scan)) is not { Value: TransactionAnswer.Page page })
            {
                return null;
            }

            rows.AddRange(page.Content.Rows.Select(row => new SessionRow(row.Key[0].AsString(), TextOf(row), VersionOf(row))));
            scan = scan with { PageToken = page.Content.Next };
        }
        while (scan.PageToken is not null);
        return [.. rows.OrderBy(row => row.Key, StringComparer.Ordinal)];
    }

    /// <inheritdoc />
    public async Task<bool> WriteAsync(string key, string value, CancellationToken cancellation)
    {
        var write = new RowWrite(WriteKind.Put, Key(key), [new("v", Datum.FromString(value))], Precondition.None);
        return await AskAsync(new TransactionStep.Write([new(run.TableOf(key), write)])) is { IsOk: true };
    }

    /// <inheritdoc />
    public async Task<(TransactionOutcome Outcome, HlcTimestamp? Version)> CommitAsync(CancellationToken cancellation)
    {
        var committed = await AskAsync(new TransactionStep.Commit());
        return committed?.Value is TransactionAnswer.Committed { Result: var result }
            ? (TransactionOutcome.Committed, result.CommitTimestamp)
            : (_commitMayBeOut ? TransactionOutcome.Unknown : TransactionOutcome.Aborted, null);
    }

    /// <inheritdoc />
    public Task RollbackAsync(CancellationToken cancellation) => AskAsync(new TransactionStep.Rollback());

    // Asks until there is an answer that settles the step, as far as that is possible; null when there is none.
    private async Task<GeoResult<TransactionAnswer>?> AskAsync(TransactionStep step)
    {
        var name = $"s{++_steps}";
        for (var attempt = 0; attempt < 8; attempt++)
        {
            if (prng.Chance(0.15))
            {
                front.Change();
            }

            if (front.Current() is not { } node)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), run.Time);
                continue;
            }

            var options = new RequestOptions(TimeSpan.FromMilliseconds(prng.Between(500, 8_000)), name, Session);
            var answer = await node.StepTransactionAsync(SimRun.Database, id, step, options, default);
            Session = answer.Meta.Session ?? Session;
            if (answer.IsOk)
            {
                return answer;
            }

            front.Met(answer.Error);
            _commitMayBeOut |= step is TransactionStep.Commit && answer.Error.Kind == GeoErrorKind.OutcomeUnknown;
            if (answer.Error.Code is "transaction-conflict")
            {
                // Whatever was unknown before: this says that the transaction is not made.
                (_commitMayBeOut, MayTryAgain) = (false, true);
                return answer;
            }

            if (answer.Error.Code is "transaction-lost" or "transaction-not-found")
            {
                MayTryAgain = true;
                return answer;
            }

            if (answer.Error.Kind < GeoErrorKind.Overloaded && answer.Error.Code is not "transaction-busy")
            {
                run.World.Fail($"a step {step} was refused: {answer.Error}");
                return answer;
            }

            if (answer.Error.Code is "transaction-busy")
            {
                await Task.Delay(TimeSpan.FromMilliseconds(answer.Error.RetryAfterMs ?? 50), run.Time);
            }
        }

        MayTryAgain = !_commitMayBeOut;
        return null;
    }

    private static string? TextOf(VersionedRow? row) => row?.Row["v"].AsString();

    // What the transaction itself has written has no version yet.
    private static HlcTimestamp? VersionOf(VersionedRow? row) =>
        row is { Version: var version } && version > HlcTimestamp.Zero ? version : null;

    private static ImmutableArray<Datum> Key(string key) => [Datum.FromString(key)];
}
