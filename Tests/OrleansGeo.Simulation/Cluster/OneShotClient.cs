using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;
using OrleansGeo.Simulation.Workloads;

namespace OrleansGeo.Simulation;

/// <summary>
/// Runs abstract transactions by one-shot requests. What reads only is one request. What writes reads first, decides, and writes under the
/// condition that every row it has read is still as it was; when one is not, it begins again.
/// </summary>
public sealed class OneShotClient(SimRun run, int id, NodeId home) : ITransactionClient
{
    private const int AttemptsMax = 6;
    private readonly Prng _prng = run.World.Prng.Fork((ulong)(3000 + id));
    private SimFront? _front;
    private int _requests;
    private string? _session;

    /// <inheritdoc />
    public async Task<TransactionEnd> RunAsync(
        AbstractTransaction transaction, Action<IReadOnlyList<MicroOperation>> about, CancellationToken cancellation)
    {
        for (var attempt = 0; attempt < AttemptsMax && !run.IsOver; attempt++)
        {
            if (transaction.ReadsSpans)
            {
                return await ScanAsync(transaction);
            }

            var plan = new OneShotPlan(transaction);
            if (await ReadAsync(plan) is not { } at)
            {
                continue;
            }

            if (!plan.Run())
            {
                return new(TransactionOutcome.Aborted, plan.Operations);
            }

            if (plan.Writes.Count == 0)
            {
                return new(TransactionOutcome.Committed, plan.Operations, at);
            }

            about([.. plan.Operations]);
            var (outcome, version) = await WriteAsync(plan);
            if (outcome is not TransactionOutcome.Aborted)
            {
                return new(outcome, plan.Operations, version);
            }
        }

        return new(TransactionOutcome.Aborted, []);
    }

    private async Task<HlcTimestamp?> ReadAsync(OneShotPlan plan)
    {
        if (plan.Reads.Count == 0)
        {
            return HlcTimestamp.Zero;
        }

        var request = new TransactionRequest(
            run.Isolation, [.. plan.Reads.Select(key => new TransactionRead(run.TableOf(key), Key(key)))], [], []);
        if (await AskAsync(request, null) is not { Value: { } result })
        {
            return null;
        }

        for (var i = 0; i < plan.Reads.Count; i++)
        {
            plan.Found[plan.Reads[i]] = result.Reads[i] is { } row ? (row.Row["v"].AsString(), row.Version) : (null, null);
        }

        return result.CommitTimestamp;
    }

    private async Task<(TransactionOutcome Outcome, HlcTimestamp? Version)> WriteAsync(OneShotPlan plan)
    {
        TransactionCondition Unchanged(string key) => plan.Found[key].Version is { } version
            ? new TransactionCondition.VersionIs(run.TableOf(key), Key(key), version)
            : new TransactionCondition.Existence(run.TableOf(key), Key(key), false);
        var request = new TransactionRequest(
            run.Isolation,
            [],
            [.. plan.Reads.Select(Unchanged)],
            [.. plan.Writes.Select(write => new TransactionWrite(
                run.TableOf(write.Key),
                new(WriteKind.Put, Key(write.Key), [new("v", Datum.FromString(write.Value))], Precondition.None)))]);

        // Under a key of its own the client asks until it knows, through whatever node runs; without one it gives up at the first unknown.
        var name = _prng.Chance(0.5) ? $"c{id}-{++_requests}" : null;
        var mayBeMade = false;
        for (var attempt = 0; attempt < 8; attempt++)
        {
            if (await AskAsync(request, name) is not { } answer)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), run.Time);
                continue;
            }

            if (answer.Value is { } made)
            {
                return (TransactionOutcome.Committed, made.CommitTimestamp);
            }

            if (answer.Error!.Kind == GeoErrorKind.PreconditionFailed)
            {
                return (TransactionOutcome.Aborted, null);
            }

            mayBeMade |= answer.Error.Kind is GeoErrorKind.OutcomeUnknown or GeoErrorKind.IdempotencyInFlight;
            if (name is null)
            {
                break;
            }
        }

        return (mayBeMade ? TransactionOutcome.Unknown : TransactionOutcome.Aborted, null);
    }

    private async Task<TransactionEnd> ScanAsync(AbstractTransaction transaction)
    {
        var span = (AbstractStep.Span)transaction.Steps[0];
        if (Front.Current() is not { } front)
        {
            return new(TransactionOutcome.Aborted, []);
        }

        var scan = new ScanRequest([], [Datum.FromString(span.From)], [Datum.FromString(span.To)], [], _prng.Chance(0.3), 1_000, null);
        var page = await front.ScanAsync(new(SimRun.Database, run.TableOf(span.From)), scan, ReadBound.Strong, Options(null), default);
        if (page.Value is null)
        {
            Front.Met(page.Error!);
            return new(TransactionOutcome.Aborted, []);
        }

        var rows = page.Value.Rows
            .Select(row => new MicroOperation.Read(row.Key[0].AsString(), row.Row["v"].AsString(), row.Version))
            .OrderBy(row => row.Key, StringComparer.Ordinal);
        return new(TransactionOutcome.Committed, [new MicroOperation.Scan(span.From, span.To, [.. rows])], page.Meta.ReadTimestamp);
    }

    // Null when no node could be asked.
    private async Task<GeoResult<TransactionResult>?> AskAsync(TransactionRequest request, string? name)
    {
        if (Front.Current() is not { } front)
        {
            return null;
        }

        var result = await front.TransactAsync(SimRun.Database, request, Options(name), CancellationToken.None);
        _session = result.Meta.Session ?? _session;
        if (result.Error is { Kind: not GeoErrorKind.PreconditionFailed } error)
        {
            Front.Met(error);
        }

        return result;
    }

    private SimFront Front => _front ??= new(run, _prng, home);

    private RequestOptions Options(string? name) => new(TimeSpan.FromMilliseconds(_prng.Between(500, 8_000)), name, _session);

    private static ImmutableArray<Datum> Key(string key) => [Datum.FromString(key)];
}
