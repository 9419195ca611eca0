using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Membership;

/// <summary>
/// One proposer of one register: what to ask the acceptors, and what their answers decide. One round at a time; the shell sends, and hands
/// in every answer, or that none came. The protocol is CASPaxos (Rystsov, 2018): single-decree Paxos whose proposers write a function of
/// the value they read, so that the register changes for ever.
/// <para>
/// Why two majorities cannot disagree. A ballot carries one value: it is used for one round, and no acceptor promises it twice. A round
/// writes a function of the value with the highest ballot among a majority's promises. If (b, v) was accepted by a majority Q, then the
/// majority Q' that promises a later ballot meets Q in some X; X accepts b only while b is what it promised, so it accepted b before it
/// promised the later ballot, and reported it. By induction every later accepted value descends from v.
/// </para>
/// <para>
/// One round trip. An acceptor that accepts b promises b.Next in the same write: the answers of a majority are then also promises of
/// b.Next by acceptors whose highest value is (b, v), which is all that a prepare would have brought. A held ballot is used once.
/// </para>
/// <para>
/// Reading. When a majority reports one and the same accepted ballot b, its value was chosen. It is also current: were a later one chosen
/// before the read began, its majority would meet this one in an acceptor that holds a later ballot than b. Else the read is a round that
/// writes back what it finds.
/// </para>
/// <para>
/// Acceptors that forget. The proof needs that X forgets nothing, and a database that is restored from an old backup does. Each acceptor
/// counts its writes, an accept holds only at the very count its promise had, and every prepare and accept leaves with each acceptor the
/// counts that the others are known to have reached. (1) A count is spread only after the acceptor has shown it, so one that has fewer
/// writes than a count that someone knows did forget: it refuses itself for good when a request names that count as its floor. A count that
/// is learnt during a round may be younger than an answer on its way, so that answer is doubted, not condemned: the acceptor is asked
/// again, with the count as floor. (2) A forgotten promise alone harms nothing: the acceptor may accept a lower ballot now, but the round
/// that got the promise names a ballot and a count that hold together no more, and is refused there; so the two cannot both have it in
/// their majority. (3) A forgotten accept of (b, v) harms only a majority Q' that has no other member of Q. With three that is X and the
/// one that missed b, while the third does not answer. So the first time a proposer meets a server's life, and a restore needs a restart,
/// a majority with it in it counts only after all others have answered or timed out. What remains is a restore, or a lying disk, together
/// with the loss of the only other acceptor that knew; no scheme that answers after a majority can see that one. It is why an operator
/// readmits a restored acceptor (<see cref="Seating"/>) and does not just start it.
/// </para>
/// </summary>
public sealed partial class Proposer
{
    private readonly long _id;
    private readonly int _quorum;
    private readonly Slot[] _slots;
    private readonly long[] _known;
    private readonly long?[] _trustedLife;
    private readonly (RefusalKind Kind, string Reason)?[] _alarmed;
    private readonly List<RegisterEffect> _effects = [];
    private long _highest;
    private long _lastToken;
    private Phase _phase = Phase.Idle;
    private Ballot _ballot;
    private Change? _change;
    private ChangeVerdict _verdict;
    private RegisterValue _proposed = RegisterValue.Empty;
    private bool _wasOutbid;
    private bool _isFast;
    private Held? _held;

    /// <summary>Makes a proposer. Its identity is drawn anew for every life of its process and is never zero.</summary>
    public Proposer(long id, int acceptors)
    {
        Invariant.Holds(id != 0);
        Invariant.Holds(acceptors is > 0 and <= AcceptorIdentity.AcceptorsMax && acceptors % 2 == 1);
        _id = id;
        _quorum = (acceptors / 2) + 1;
        _slots = [.. Enumerable.Range(0, acceptors).Select(_ => new Slot())];
        _known = new long[acceptors];
        _trustedLife = new long?[acceptors];
        _alarmed = new (RefusalKind, string)?[acceptors];
    }

    private enum Phase
    {
        Idle,
        Reading,
        Preparing,
        Accepting,
    }

    /// <summary>The number of the next change of this proposer.</summary>
    public long ChangesMade { get; private set; }

    /// <summary>Names a new change.</summary>
    public ChangeId NextChange() => new(_id, ++ChangesMade);

    /// <summary>Begins a round that reads.</summary>
    public IReadOnlyList<RegisterEffect> Read()
    {
        Begin(null);
        _phase = Phase.Reading;
        for (var i = 0; i < _slots.Length; i++)
        {
            Send(i, new AcceptorRequest.Inspect(_known[i]), SlotState.Asked);
        }

        return Take();
    }

    /// <summary>Begins a round that makes a change if the register is at its expected version, and reads otherwise.</summary>
    public IReadOnlyList<RegisterEffect> Make(Change change)
    {
        Begin(change);
        if (_held is { } held)
        {
            _held = null;
            AcceptHeld(held);
        }
        else
        {
            Prepare();
        }

        return Take();
    }

    /// <summary>An acceptor answered. One to an earlier round decides nothing any more, but what it says is known from now on.</summary>
    public IReadOnlyList<RegisterEffect> Answered(int i, long token, AcceptorReply reply)
    {
        if (!_slots[i].Awaits(token))
        {
            if (reply is AcceptorReply.Answer { Report: var report })
            {
                Learn(i, report);
            }

            return [];
        }

        var isConfirmation = _slots[i].Doubt == token;
        switch (reply)
        {
            case AcceptorReply.Refused refused:
                Refuse(i, refused);
                break;
            case AcceptorReply.Answer answer when isConfirmation:
                _slots[i].Doubt = 0;
                _slots[i].ConfirmedWrites = answer.Report.Writes;
                Learn(i, answer.Report);
                break;
            case AcceptorReply.Answer answer:
                Receive(i, answer);
                break;
        }

        Doubt();
        Advance();
        return Take();
    }

    /// <summary>An acceptor did not answer in time, or cannot be reached. It may still do what it was asked, at any later time.</summary>
    public IReadOnlyList<RegisterEffect> NoAnswer(int i, long token)
    {
        if (_slots[i].Awaits(token))
        {
            _slots[i].Settle(SlotState.Silent);
            Advance();
        }

        return Take();
    }

    private void Begin(Change? change)
    {
        Invariant.Holds(_phase == Phase.Idle);
        _change = change;
        _wasOutbid = false;
        _isFast = false;
        foreach (var slot in _slots)
        {
            slot.Reset();
        }
    }

    private void Prepare()
    {
        _phase = Phase.Preparing;
        _ballot = new(++_highest, _id);
        for (var i = 0; i < _slots.Length; i++)
        {
            _slots[i].Reset();
            SendPrepare(i);
        }
    }

    // Whoever did not answer last time has not promised the held ballot; it is asked to, and gets the value when it does.
    private void AcceptHeld(Held held)
    {
        _isFast = true;
        _ballot = held.Ballot;
        _highest = Math.Max(_highest, _ballot.Counter);
        _proposed = Apply(held.Value);
        _phase = Phase.Accepting;
        for (var i = 0; i < _slots.Length; i++)
        {
            if (held.WritesAtPromise[i] is { } writes)
            {
                SendAccept(i, writes);
            }
            else
            {
                SendPrepare(i);
            }
        }
    }

    private RegisterValue Apply(RegisterValue read)
    {
        if (_change is not { } change)
        {
            _verdict = ChangeVerdict.None;
            return read;
        }

        if (PlantedBug.Is("register.retry-applies-again") && change.MayBeMade)
        {
            _verdict = ChangeVerdict.Made;
            return read.Changed(change.Bytes, change.Id);
        }

        if (read.Version == change.ExpectedVersion)
        {
            _verdict = ChangeVerdict.Made;
            return read.Changed(change.Bytes, change.Id);
        }

        var maker = read.MakerOf(change.ExpectedVersion + 1);
        _verdict = maker == change.Id ? ChangeVerdict.Made
            : maker is null && change.MayBeMade && read.Version > change.ExpectedVersion ? ChangeVerdict.Forgotten
            : ChangeVerdict.Overtaken;
        return read;
    }

    private RegisterEffect[] Take()
    {
        if (_effects.Count == 0)
        {
            return [];
        }

        RegisterEffect[] taken = [.. _effects];
        _effects.Clear();
        return taken;
    }

    /// <summary>
    /// The ballot that a majority has promised to this proposer's next round, and the value below it. For an acceptor that has not answered
    /// yet, the count of writes is the one that it will have if it accepts; if that is not so, it declines.
    /// </summary>
    private sealed record Held(Ballot Ballot, RegisterValue Value, long?[] WritesAtPromise);
}
