using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Membership;

/// <summary>What the answers of a round decide.</summary>
public sealed partial class Proposer
{
    private enum SlotState
    {
        /// <summary>A question is under way.</summary>
        Asked,

        /// <summary>It did what this phase asked, as its report says.</summary>
        Done,

        /// <summary>It declined because of another ballot.</summary>
        Declined,

        /// <summary>No answer came.</summary>
        Silent,

        /// <summary>It takes no part until an operator has dealt with it.</summary>
        Refused,
    }

    private void Receive(int i, AcceptorReply.Answer answer)
    {
        var slot = _slots[i];
        Learn(i, answer.Report);
        var wasPrepare = slot.IsPreparing;
        slot.Settle(answer.IsDone ? SlotState.Done : SlotState.Declined);
        slot.Report = answer.Report;
        _wasOutbid |= !answer.IsDone;
        if (!answer.IsDone || !wasPrepare)
        {
            if (answer.IsDone && _phase == Phase.Idle && _held is { } held && answer.Report.Promised == held.Ballot)
            {
                held.WritesAtPromise[i] = answer.Report.Writes;
            }

            return;
        }

        // A promise that comes late gets the value too, so that an acceptor which fell behind is brought along.
        if (_phase == Phase.Accepting || (_phase == Phase.Idle && _held?.Ballot == _ballot.Next))
        {
            SendAccept(i, answer.Report.Writes);
        }
    }

    private void Learn(int i, AcceptorReport report)
    {
        _highest = Math.Max(_highest, report.Promised.Counter);
        _known[i] = Math.Max(_known[i], report.Writes);
        for (var j = 0; j < _known.Length; j++)
        {
            _known[j] = Math.Max(_known[j], j < report.Witnessed.Length ? report.Witnessed[j] : 0);
        }

        if (_held is { } held && report.Promised > held.Ballot)
        {
            held.WritesAtPromise[i] = null;
            _held = held.WritesAtPromise.Count(writes => writes is not null) < _quorum ? null : held;
        }
    }

    private void Refuse(int i, AcceptorReply.Refused refused)
    {
        _slots[i].Settle(SlotState.Refused);
        if (_alarmed[i] != (refused.Kind, refused.Reason))
        {
            _alarmed[i] = (refused.Kind, refused.Reason);
            _effects.Add(new RegisterEffect.Alarm(i, refused.Kind, refused.Reason));
        }
    }

    // An answer that shows fewer writes than are known by now is either older than what was learnt, or comes from an acceptor that forgot.
    private void Doubt()
    {
        if (_phase == Phase.Idle)
        {
            return;
        }

        for (var i = 0; i < _slots.Length; i++)
        {
            var slot = _slots[i];
            if (slot.State == SlotState.Done && slot.Doubt == 0 && Math.Max(slot.Report!.Writes, slot.ConfirmedWrites) < _known[i])
            {
                slot.Doubt = ++_lastToken;
                _effects.Add(new RegisterEffect.Send(i, slot.Doubt, new AcceptorRequest.Inspect(_known[i])));
            }
        }
    }

    private void Advance()
    {
        switch (_phase)
        {
            case Phase.Reading:
                AdvanceRead();
                break;
            case Phase.Preparing when IsEnough(_slots.Where(slot => slot.Counts)):
                Propose();
                break;
            case Phase.Accepting when IsEnough(_slots.Where(slot => slot.Counts && !slot.IsPreparing)):
                TrustLives();
                Hold();
                End(new RoundEnd.Decided(_proposed, _verdict));
                break;
            case Phase.Preparing or Phase.Accepting when _slots.Count(slot => slot.MayStillCount) < _quorum:
                Fail();
                break;
        }
    }

    private void AdvanceRead()
    {
        var counted = _slots.Where(slot => slot.Counts).ToList();
        var agreeing = counted.GroupBy(slot => slot.Report!.Accepted).OrderByDescending(group => group.Count()).FirstOrDefault();
        if (PlantedBug.Is("register.read-takes-any-value") && counted.Count >= _quorum)
        {
            agreeing = counted.GroupBy(_ => counted[0].Report!.Accepted).First();
        }

        if (agreeing is not null && IsEnough(agreeing))
        {
            TrustLives();
            var value = agreeing.First().Report!.Value;
            End(new RoundEnd.Decided(value, ChangeVerdict.None));
        }
        else if (_slots.Count(slot => slot.MayStillCount) < _quorum)
        {
            Fail();
        }
        else if (_slots.All(slot => slot.IsSettled))
        {
            TrustLives();
            Prepare();
        }
    }

    // A server whose life is new here may have been restored: then the others are waited for, because one of them may know better.
    private bool IsEnough(IEnumerable<Slot> counted)
    {
        var count = 0;
        var areTrusted = true;
        foreach (var slot in counted)
        {
            count++;
            areTrusted &= _trustedLife[Array.IndexOf(_slots, slot)] == slot.Report!.Life || PlantedBug.Is("register.trusts-every-life");
        }

        return count >= _quorum && (areTrusted || _slots.All(slot => slot.IsSettled));
    }

    private void TrustLives()
    {
        if (!_slots.All(slot => slot.IsSettled))
        {
            return;
        }

        for (var i = 0; i < _slots.Length; i++)
        {
            _trustedLife[i] = _slots[i].Counts ? _slots[i].Report!.Life : _trustedLife[i];
        }
    }

    private void Propose()
    {
        TrustLives();
        var promises = _slots.Where(slot => slot.Counts).Select(slot => slot.Report!).ToList();
        var best = PlantedBug.Is("register.lowest-ballot-chosen")
            ? promises.MinBy(report => report.Accepted)!
            : promises.MaxBy(report => report.Accepted)!;
        _proposed = Apply(best.Value);
        _phase = Phase.Accepting;
        for (var i = 0; i < _slots.Length; i++)
        {
            if (_slots[i] is { State: SlotState.Done, IsPreparing: true } slot)
            {
                SendAccept(i, slot.Report!.Writes);
            }
        }
    }

    private void Hold()
    {
        var holders = _slots.Count(slot => slot is { Counts: true, IsPreparing: false } && slot.Report!.Promised == _ballot.Next);
        _held = holders >= _quorum ? new(_ballot.Next, _proposed, [.. _slots.Select(WritesWhenHeld)]) : null;
    }

    private long? WritesWhenHeld(Slot slot) => slot switch
    {
        { IsPreparing: true } => null,
        { Counts: true } when slot.Report!.Promised == _ballot.Next => slot.Report.Writes,
        { State: SlotState.Asked } => slot.ExpectedWrites + 1,
        _ => null,
    };

    private void Fail()
    {
        var mayTakeEffect = _phase == Phase.Accepting && _verdict == ChangeVerdict.Made;
        var answered = _slots.Count(slot => slot.State is SlotState.Done or SlotState.Declined);
        _held = null;
        End(_wasOutbid && answered >= _quorum
            ? new RoundEnd.Outbid(mayTakeEffect, _isFast)
            : new RoundEnd.NoQuorum(mayTakeEffect, answered, _quorum));
    }

    private void End(RoundEnd end)
    {
        _phase = Phase.Idle;
        _effects.Add(new RegisterEffect.Ended(end));
    }

    private void SendPrepare(int i)
    {
        Send(i, new AcceptorRequest.Prepare(_known[i], _ballot, [.. _known]), SlotState.Asked);
        _slots[i].IsPreparing = true;
    }

    private void SendAccept(int i, long writesAtPromise)
    {
        Send(
            i,
            new AcceptorRequest.Accept(_known[i], _ballot, _ballot.Next, writesAtPromise, _proposed, [.. _known]),
            SlotState.Asked);
        _slots[i].IsPreparing = false;
        _slots[i].ExpectedWrites = writesAtPromise;
    }

    private void Send(int i, AcceptorRequest request, SlotState state)
    {
        _slots[i].State = state;
        _slots[i].Report = null;
        _slots[i].Token = ++_lastToken;
        _effects.Add(new RegisterEffect.Send(i, _lastToken, request));
    }

    /// <summary>Where one acceptor stands in the round.</summary>
    private sealed class Slot
    {
        public long Token { get; set; }

        public SlotState State { get; set; } = SlotState.Silent;

        public AcceptorReport? Report { get; set; }

        /// <summary>The question or the answer is about a prepare, not about an accept.</summary>
        public bool IsPreparing { get; set; }

        /// <summary>The token of the question that must be answered before the report counts, or 0.</summary>
        public long Doubt { get; set; }

        /// <summary>The count of writes that the acceptor showed when it was asked again.</summary>
        public long ConfirmedWrites { get; set; }

        /// <summary>The count of writes at which it was asked to accept.</summary>
        public long ExpectedWrites { get; set; }

        public bool Counts => State == SlotState.Done && Doubt == 0;

        public bool IsSettled => State != SlotState.Asked && Doubt == 0;

        public bool MayStillCount => State is SlotState.Asked or SlotState.Done;

        public bool Awaits(long token) => token != 0 && (Token == token || Doubt == token);

        public void Settle(SlotState state)
        {
            State = state;
            Token = 0;
            Doubt = 0;
        }

        public void Reset()
        {
            Settle(SlotState.Silent);
            Report = null;
            IsPreparing = false;
            ConfirmedWrites = 0;
        }
    }
}
