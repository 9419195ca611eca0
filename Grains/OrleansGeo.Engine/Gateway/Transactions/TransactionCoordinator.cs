using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// The coordinator of a transaction that writes, once all it writes is known. It tries until the transaction is made or refused, or the
/// deadline comes; each attempt is decided before the next begins.
/// <para>
/// <b>One range:</b> one write, evaluated and committed like any other, in one round. <b>Several:</b> what is looked at and not written is
/// read first, at a timestamp that the writes then try to keep; all ranges lay their intents at once, and the one of the anchor stages the
/// record with them. When every intent lies at or below the staged timestamp the transaction is committed, and the client is answered; the
/// record and the intents are put right afterwards. When one lies above, what was read is refreshed to there and the record is committed
/// outright, one round later. See <see cref="RecordRules"/>.
/// </para>
/// <para>
/// <b>What an attempt came to.</b> It is certainly not committed when one of its lays was answered with anything but the intent and no
/// earlier copy of it can be on its way: then one intent is missing for good. In every other case the record decides, and where that cannot
/// be reached the outcome is unknown and said to be.
/// </para>
/// <para>
/// <b>Once.</b> A request that its client named leaves its name beside the anchor, which is its first write: with the outcome once there is
/// one, with the attempt until then. Whoever comes with the name finds the outcome, or has that attempt decided first. A request without a
/// name is tried by this coordinator alone; its own tries in one range are named too, because one of them may be under way when it turns
/// out that there are several ranges.
/// </para>
/// </summary>
internal sealed class TransactionCoordinator
{
    private readonly GatewayCore _core;
    private readonly TransactionRecovery _recovery;
    private readonly TransactionFinisher _finisher;
    private readonly TransactionLooks _looks;
    private readonly RequestScope _scope;
    private readonly ITransactionBody _body;
    private readonly HlcTimestamp _priority;
    private readonly RequestName _name;
    private readonly bool _isNamed;
    private HlcTimestamp _atLeast;
    private bool _wasTriedInOneRange;

    // A write to one range was sent and not answered, and then there were several: it may have been made, or be made yet.
    private bool _isOpen;

    public TransactionCoordinator(
        GatewayCore core, TransactionFinisher finisher, TransactionLooks looks, RequestScope scope, ITransactionBody body,
        RequestName name, bool isNamed)
    {
        (_core, _finisher, _looks, _scope, _body, _name, _isNamed) = (core, finisher, looks, scope, body, name, isNamed);
        _recovery = finisher.Recovery;
        _priority = core.Host.Clock;
    }

    // What marks the request in ranges beyond one write.
    private RequestName Request => _isNamed || _wasTriedInOneRange ? _name : RequestName.None;

    public async Task<GeoResult<TransactionResult>> RunAsync()
    {
        for (var round = 0; !_scope.IsOver; round++)
        {
            if (await AttemptAsync() is { } ended)
            {
                return ended;
            }

            _core.Host.Metrics?.Retried("transaction");
            await _core.BackOffAsync(_scope, round);
        }

        return Fail(GatewayCore.Deadline("the transaction met others until its deadline; nothing was written"));
    }

    // Null when another attempt is to be made.
    private async Task<GeoResult<TransactionResult>?> AttemptAsync()
    {
        if (!_body.Spans.IsEmpty)
        {
            return await OverRangesAsync();
        }

        Key[] all = [.. _body.Plan.Keys, .. _body.Beside];
        var (parts, error) = await KeyParts.ByRangeAsync(_core, _scope, all, Enumerable.Range(0, all.Length));
        return parts is null ? Fail(error!)
            : parts.Count == 1 ? await InOneRangeAsync()
            : await OverRangesAsync();
    }

    private async Task<GeoResult<TransactionResult>?> InOneRangeAsync()
    {
        var mayRepeat = _isNamed || _wasTriedInOneRange;
        _wasTriedInOneRange = true;
        var write = new RangeOperation.Write(_body.Plan.Writes, _name.Id, _name.BodyHash, _name.RetainMs, mayRepeat)
        {
            Checks = _body.Plan.Checks,
        };
        var end = await _core.AskAsync(_scope, Anchor, write);
        _isOpen |= end.IsOpen && end.Outcome is RangeOutcome.Moved;
        switch (end.Outcome)
        {
            case RangeOutcome.Written { Replayed: false } written:
                var before = new Dictionary<Key, FoundValue>();
                for (var i = 0; i < written.Checked.Length; i++)
                {
                    if (_body.Plan.Checks[i].IsWanted)
                    {
                        before[written.Checked[i].Key] = written.Checked[i];
                    }
                }

                return Ok(_body.Result(written.Version, before, [.. written.Keys.Select(key => key.Created)]));
            case RangeOutcome.Refused refused:
                return Fail(_body.Refusal(refused));
            case RangeOutcome.Moved:
                return null;
            default:
                return await SettledAsync(end);
        }
    }

    private async Task<GeoResult<TransactionResult>?> OverRangesAsync()
    {
        var at = Later(_core.Host.Clock);
        var before = new Dictionary<Key, FoundValue>();
        var isBlind = _body.Beside.IsEmpty && _body.Spans.IsEmpty;
        if (!isBlind)
        {
            var look = await _body.LookAsync(_scope, at);
            if (look.Error is { } error)
            {
                return Fail(error);
            }

            if (look.Refused is { } failed)
            {
                return await RefuseAsync(failed);
            }

            (before, at) = (look.Found, look.At);
        }

        var tag = new TransactionTag(TransactionId.Draw(_core.Host.Prng), Anchor, _priority, _core.Host.Self.Id);
        var attempt = new TransactionAttempt(_core, _scope, _body.Plan, tag, Request);
        await attempt.LayAsync(at, isBlind, isBlind || !_body.IsStrict);
        return attempt.IsLaid ? await CommitAsync(attempt, at, before) : await GiveUpAsync(attempt);
    }

    private async Task<GeoResult<TransactionResult>?> CommitAsync(
        TransactionAttempt attempt, HlcTimestamp at, Dictionary<Key, FoundValue> before)
    {
        var commitAt = attempt.Latest;
        if (attempt.StagedAt is not { } staged || staged < commitAt)
        {
            var refresh = commitAt > at || _body.IsStrict
                ? await _looks.RefreshAsync(_scope, new(_body.Beside, _body.Spans, attempt.Tag.Id), at, commitAt, _body.IsStrict)
                : new(true, true, null);
            if (!refresh.Holds || refresh.Error is not null)
            {
                _atLeast = commitAt;
                _finisher.Abandon(attempt);
                return Over(refresh.Error);
            }

            var record = await _recovery.ConcludeAsync(
                _scope, new(attempt.Tag, TransactionVerdict.Commit, commitAt, attempt.Keys, Request));
            if (record is not { Status: TransactionStatus.Committed })
            {
                return await GiveUpAsync(attempt);
            }

            commitAt = record.Timestamp;
            _finisher.Resolve(attempt, commitAt);
        }
        else
        {
            commitAt = staged;
            await _finisher.CommitAsync(attempt, staged, Request);
        }

        foreach (var found in attempt.Found)
        {
            before[found.Key] = found;
        }

        return Ok(_body.Result(commitAt, before, attempt.Created));
    }

    // Not all intents were laid, or the record was not committed.
    private async Task<GeoResult<TransactionResult>?> GiveUpAsync(TransactionAttempt attempt)
    {
        _atLeast = attempt.Latest;
        if (!attempt.IsMissingForGood)
        {
            var record = attempt.Decided ?? await _recovery.DecideAsync(_scope, attempt.Tag, mustEnd: true);
            switch (record?.Status)
            {
                case TransactionStatus.Committed:
                    _finisher.Resolve(attempt, record.Timestamp);
                    return await ReplayAsync(record.Timestamp);
                case TransactionStatus.Aborted:
                    break;
                default:
                    _finisher.Abandon(attempt);
                    return Fail(Unknown());
            }
        }

        _finisher.Abandon(attempt);
        if (attempt.Refusal is { } refusal)
        {
            return await RefuseAsync(refusal);
        }

        return attempt.Settling is { } settling ? await SettledAsync(settling) : Over(attempt.Error);
    }

    // The attempt is certainly not committed: it ends the request with its error, or another one follows.
    private GeoResult<TransactionResult>? Over(GeoError? error) => error is null ? null
        : Fail(error.Kind == GeoErrorKind.OutcomeUnknown ? GatewayCore.Deadline("the transaction was not made in time") : error);

    // What a range says of the request as a whole.
    private async Task<GeoResult<TransactionResult>?> SettledAsync(CallEnd end)
    {
        switch (end.Outcome)
        {
            case RangeOutcome.Written written:
                return await ReplayAsync(written.Version);
            case RangeOutcome.RequestMismatch:
                return Fail(IdempotencyTable.Mismatch);
            case RangeOutcome.Claimed claimed:
                await _recovery.DecideAsync(_scope, claimed.By, mustEnd: true);
                return null;
            case RangeOutcome.Refused refused:
                return Fail(_body.Refusal(refused));
            case RangeOutcome.Moved:
                return null;
            default:
                return Fail(end.Error ?? CatalogReader.Unexpected(end.Outcome));
        }
    }

    // Under a name that a client may have used before, a refusal counts once it is recorded: an earlier attempt may have been made.
    private async Task<GeoResult<TransactionResult>?> RefuseAsync(RangeOutcome.Refused refusal)
    {
        if (!Request.IsSome)
        {
            return Fail(_body.Refusal(refusal));
        }

        var end = await _core.AskAsync(_scope, Anchor, new RangeOperation.RefuseRequest(Anchor, Request, refusal));
        return await SettledAsync(end);
    }

    // The outcome is known and its details are not here: they are read again.
    private async Task<GeoResult<TransactionResult>?> ReplayAsync(HlcTimestamp at)
    {
        var (here, _) = await _looks.ReadAtAsync(_scope, _body.Beside, at);
        var (before, _) = await _looks.ReadAtAsync(_scope, _body.Plan.Keys, at.Previous);
        if (here is null || before is null)
        {
            // Whatever kept it from being read again, it was made.
            return Fail(Unknown());
        }

        foreach (var (key, found) in before)
        {
            here[key] = found;
        }

        return Ok(_body.Result(at, here, [.. _body.Plan.Keys.Select(key => here[key].Value is null)]));
    }

    private Key Anchor => _body.Plan.Keys[0];

    private HlcTimestamp Later(HlcTimestamp now) => HlcTimestamp.Later(now, HlcTimestamp.Later(_atLeast, _scope.Session));

    private GeoResult<TransactionResult> Ok(TransactionResult result)
    {
        _scope.Saw(result.CommitTimestamp);
        return _scope.Ok(result, "strong", result.CommitTimestamp);
    }

    // What was settled stands recorded under the request's name, where an open write meets it; all else says nothing of that write.
    private GeoResult<TransactionResult> Fail(GeoError error) =>
        _scope.Fail<TransactionResult>(_isOpen && error.Kind >= GeoErrorKind.Overloaded ? Unknown() : error);

    private static GeoError Unknown() => new(
        GeoErrorKind.OutcomeUnknown,
        "outcome-unknown",
        "the transaction was under way and its outcome is not known; ask again with the same idempotency key to find out");
}
