using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Transactions that stay open, on the node where each was begun; other nodes pass their steps on. What such a transaction has read and is
/// about to write is in this node's memory and nowhere else: it locks nothing and leaves nothing behind, so a node that is lost takes it
/// along, and a transaction that nobody goes on with ends by being forgotten. Its commit is that of any transaction
/// (<see cref="TransactionCoordinator"/>), under the transaction's own name, so that asking for it again finds what became of it.
/// </summary>
internal sealed class OpenTransactions(GatewayCore core, OpenSteps steps)
{
    private const int OpenMax = 10_000;
    private static readonly TimeSpan s_endedKept = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_sweep = TimeSpan.FromSeconds(1);
    private readonly Dictionary<Key, Entry> _byId = [];
    private ulong? _life;
    private bool _isSweeping;

    public async Task<GeoResult<TransactionBegun>> BeginAsync(RequestScope scope, string database, TransactionBegin begin)
    {
        if ((CheckBegin(begin) ?? await steps.CheckAsync(scope, database, begin)) is { } error)
        {
            return scope.Fail<TransactionBegun>(error);
        }

        if (_byId.Count >= OpenMax)
        {
            return scope.Fail<TransactionBegun>(new(
                GeoErrorKind.Overloaded, "overloaded", $"this node has {OpenMax} open transactions, its limit", RetryAfterMs: 1_000));
        }

        var id = new byte[16];
        core.Host.Prng.Fill(id);
        _life ??= core.Host.Prng.NextUInt64();
        var transaction = new OpenTransaction(new(core.Host.Self.Id, _life.Value, [.. id]), database, begin);
        _byId.Add(new(id), new(transaction) { UsedAt = core.Host.Time.GetTimestamp() });
        _ = SweepAsync();
        return scope.Ok(new TransactionBegun(
            transaction.Handle.Seal(core.Host.TokenSecret.Span), core.Host.Self.Name, transaction.IdleTimeout));
    }

    public async Task<GeoResult<TransactionAnswer>> StepAsync(
        RequestScope scope, string database, string text, TransactionStep step, RequestOptions options)
    {
        if (TransactionHandle.TryOpen(core.Host.TokenSecret.Span, text) is not { } handle)
        {
            return scope.Fail<TransactionAnswer>(OpenTransactionErrors.Unknown());
        }

        if (handle.Node != core.Host.Self.Id)
        {
            return await PassOnAsync(scope, handle, database, text, step, options);
        }

        if (handle.Life != _life)
        {
            return scope.Fail<TransactionAnswer>(OpenTransactionErrors.Lost(core.Host.Self.Name, "has been started anew since"));
        }

        if (!_byId.TryGetValue(new([.. handle.Id]), out var entry) || entry.Transaction.Database != database || IsOver(entry))
        {
            return scope.Fail<TransactionAnswer>(OpenTransactionErrors.Unknown());
        }

        return await StepAsync(scope, entry, step, options.IdempotencyKey);
    }

    private async Task<GeoResult<TransactionAnswer>> StepAsync(RequestScope scope, Entry entry, TransactionStep step, string? key)
    {
        if (entry.IsBusy)
        {
            return scope.Fail<TransactionAnswer>(OpenTransactionErrors.Busy());
        }

        if (key is not null && entry.Last is { } last && string.Equals(last.Key, key, StringComparison.Ordinal))
        {
            return last.Hash.AsSpan().SequenceEqual(RequestIds.BodyHash(step).AsSpan())
                ? scope.Ok(last.Answer, "strong", entry.Transaction.ReadAt)
                : scope.Fail<TransactionAnswer>(IdempotencyTable.Mismatch);
        }

        if (entry.Ended is { } ended)
        {
            entry.UsedAt = core.Host.Time.GetTimestamp();
            return ended.AnswerTo(step) is { } again ? scope.Ok(again) : scope.Fail<TransactionAnswer>(ended.ErrorOf());
        }

        if (entry.IsInDoubt && step is not TransactionStep.Commit)
        {
            return scope.Fail<TransactionAnswer>(OpenTransactionErrors.InDoubt());
        }

        entry.IsBusy = true;
        try
        {
            var result = await steps.RunAsync(scope, entry.Transaction, step);
            Note(entry, step, result);
            entry.Last = key is not null && result.IsOk ? (key, RequestIds.BodyHash(step), result.Value) : null;
            return result;
        }
        finally
        {
            entry.IsBusy = false;
            entry.UsedAt = core.Host.Time.GetTimestamp();
        }
    }

    private static void Note(Entry entry, TransactionStep step, GeoResult<TransactionAnswer> result)
    {
        entry.IsInDoubt = step is TransactionStep.Commit && result.Error is { Kind: GeoErrorKind.OutcomeUnknown };
        entry.Ended = (result.Value, step) switch
        {
            (TransactionAnswer.Committed committed, _) => new(step, committed, null),
            (TransactionAnswer.Done done, TransactionStep.Rollback) => new(step, done, null),
            _ => result.Error is { Code: OpenTransactionErrors.ConflictCode } conflict ? new(step, null, conflict) : null,
        };
        if (entry.Ended is not null)
        {
            entry.Transaction.Clear();
        }
    }

    private static GeoError? CheckBegin(TransactionBegin begin)
    {
        if (begin.Isolation is < TransactionIsolation.Serializable or > TransactionIsolation.Strict)
        {
            return TransactionMapper.UnknownIsolation;
        }

        return begin.IdleTimeout is { } idle && (idle < TimeSpan.FromMilliseconds(1) || idle > GeoLimits.IdleTimeoutMax)
            ? new(
                GeoErrorKind.Invalid,
                "bad-idle-timeout",
                $"an idle timeout is 1 to {(long)GeoLimits.IdleTimeoutMax.TotalMilliseconds} milliseconds",
                "idleTimeoutMs")
            : null;
    }

    private async Task<GeoResult<TransactionAnswer>> PassOnAsync(
        RequestScope scope, TransactionHandle handle, string database, string text, TransactionStep step, RequestOptions options)
    {
        var name = core.View.Nodes.TryGetValue(handle.Node, out var node) ? node.Name : handle.Node.ToString();
        if (!core.Host.IsLive(handle.Node))
        {
            return scope.Fail<TransactionAnswer>(step is TransactionStep.Commit
                ? OpenTransactionErrors.Lost(name, "cannot be reached from here; had its commit been asked for before, it may be committed")
                : OpenTransactionErrors.Lost(name, "cannot be reached from here"));
        }

        var peer = new PeerStore(core, scope, handle.Node);
        var result = await peer.StepTransactionAsync(
            database, text, step, options with { Timeout = scope.Remaining }, scope.Cancellation);
        if (result.Error is not null && peer.Failure == CallFailure.NotSent)
        {
            return scope.Fail<TransactionAnswer>(new(
                GeoErrorKind.RegionUnavailable, "region-unavailable", $"node {name}, where the transaction is open, could not be asked"));
        }

        if (result.Meta.ReadTimestamp is { } seen)
        {
            scope.Saw(seen);
        }

        if (result.Value is TransactionAnswer.Committed committed)
        {
            scope.Saw(committed.Result.CommitTimestamp);
        }

        var here = scope.Meta(result.Meta.Consistency, result.Meta.ReadTimestamp, result.Meta.StalenessMs);
        return result with
        {
            Meta = here with
            {
                ServedBy = result.Meta.ServedBy,
                ServedByRegion = result.Meta.ServedByRegion,
                Leaseholder = result.Meta.Leaseholder,
                RoundTrips = here.RoundTrips + result.Meta.RoundTrips,
                WanPath = [.. here.WanPath, .. result.Meta.WanPath],
            },
        };
    }

    private bool IsOver(Entry entry) =>
        !entry.IsBusy && core.Host.Time.GetElapsedTime(entry.UsedAt) > (entry.Ended is null ? entry.Transaction.IdleTimeout : s_endedKept);

    // Runs while there is something to forget: a node with no open transactions does nothing.
    private async Task SweepAsync()
    {
        if (_isSweeping)
        {
            return;
        }

        _isSweeping = true;
        while (_byId.Count > 0)
        {
            await Task.Delay(s_sweep, core.Host.Time);
            foreach (var id in _byId.Where(pair => IsOver(pair.Value)).Select(pair => pair.Key).ToArray())
            {
                _byId.Remove(id);
            }
        }

        _isSweeping = false;
    }

    private sealed class Entry(OpenTransaction transaction)
    {
        public OpenTransaction Transaction => transaction;

        public long UsedAt { get; set; }

        public bool IsBusy { get; set; }

        public Ending? Ended { get; set; }

        // A commit was asked for, and what came of it could not be found out yet.
        public bool IsInDoubt { get; set; }

        // The step before, when it had a key of its own and was carried out.
        public (string Key, ImmutableArray<byte> Hash, TransactionAnswer Answer)? Last { get; set; }
    }

    // By which step a transaction ended, and what that was answered with.
    private sealed record Ending(TransactionStep Step, TransactionAnswer? Answer, GeoError? Error)
    {
        // The same step has the same answer; who gives up what came to nothing has what it wants.
        public TransactionAnswer? AnswerTo(TransactionStep step) =>
            step is TransactionStep.Rollback && Answer is not TransactionAnswer.Committed ? new TransactionAnswer.Done()
            : step.GetType() == Step.GetType() ? Answer
            : null;

        public GeoError ErrorOf() =>
            Error ?? OpenTransactionErrors.Ended(Answer is TransactionAnswer.Committed ? "committed" : "rolled back");
    }
}
