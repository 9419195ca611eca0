using System.Collections.Immutable;
using System.Text;
using OrleansGeo.Membership;

namespace OrleansGeo.Tests.Membership.Register;

/// <summary>
/// Three pure acceptors a, b and c, and proposers, one message at a time in the order they were sent. What happens is written down.
/// </summary>
internal sealed class RegisterScript
{
    private readonly StringBuilder _lines = new();
    private readonly Queue<(Proposer By, RegisterEffect.Send Send)> _sent = [];
    private readonly HashSet<int> _silent = [];

    public ImmutableArray<AcceptorIdentity> Set { get; } = AcceptorIdentity.SetOf("r", ["a", "b", "c"]);

    public AcceptorState?[] States { get; } = new AcceptorState?[3];

    public long[] Lives { get; } = [1, 1, 1];

    /// <summary>What these proposers send to these acceptors stays on its way until <see cref="Release"/>.</summary>
    public HashSet<(Proposer By, int To)> HeldBack { get; } = [];

    public string Lines
    {
        get
        {
            var text = _lines.ToString().TrimEnd();
            _lines.Clear();
            return text;
        }
    }

    public RegisterScript()
    {
        for (var i = 0; i < 3; i++)
        {
            States[i] = AcceptorState.New(Set[i]);
        }
    }

    public void Silence(params int[] acceptors)
    {
        _silent.Clear();
        _silent.UnionWith(acceptors);
    }

    public RoundEnd? Read(Proposer proposer) => Run(proposer, proposer.Read());

    public RoundEnd? Change(Proposer proposer, long expected, string text, ChangeId? again = null) =>
        Run(proposer, proposer.Make(new(again ?? proposer.NextChange(), expected, Encoding.UTF8.GetBytes(text), again is not null)));

    /// <summary>What was held back arrives.</summary>
    public RoundEnd? Release(Proposer proposer)
    {
        HeldBack.Clear();
        return Run(proposer, []);
    }

    public IReadOnlyList<AcceptorReply?> InspectAll() =>
        [.. Enumerable.Range(0, 3).Select(i =>
            _silent.Contains(i) ? null : Acceptor.Handle(States[i], Set[i], new AcceptorRequest.Inspect(0), Lives[i]).Reply)];

    private RoundEnd? Run(Proposer proposer, IReadOnlyList<RegisterEffect> effects)
    {
        var end = Take(proposer, effects);
        for (var left = _sent.Count; left > 0; left--)
        {
            var (by, send) = _sent.Dequeue();
            if (HeldBack.Contains((by, send.Acceptor)))
            {
                _sent.Enqueue((by, send));
                continue;
            }

            var before = _sent.Count;
            end = Take(by, Deliver(by, send)) ?? end;
            left += _sent.Count - before;
        }

        return end;
    }

    private IReadOnlyList<RegisterEffect> Deliver(Proposer by, RegisterEffect.Send send)
    {
        var i = send.Acceptor;
        if (_silent.Contains(i))
        {
            Write($"{Set[i].Acceptor}: {Text(send.Request)} -> silence");
            return by.NoAnswer(i, send.Token);
        }

        var (state, reply) = Acceptor.Handle(States[i], Set[i], send.Request, Lives[i]);
        States[i] = state;
        Write($"{Set[i].Acceptor}: {Text(send.Request)} -> {Text(reply)}");
        return by.Answered(i, send.Token, reply);
    }

    private RoundEnd? Take(Proposer proposer, IReadOnlyList<RegisterEffect> effects)
    {
        RoundEnd? end = null;
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case RegisterEffect.Send send:
                    _sent.Enqueue((proposer, send));
                    break;
                case RegisterEffect.Alarm alarm:
                    Write($"alarm: {Set[alarm.Acceptor].Acceptor} {alarm.Kind}");
                    break;
                case RegisterEffect.Ended ended:
                    end = ended.End;
                    Write(Text(end));
                    break;
            }
        }

        return end;
    }

    private void Write(string line) => _lines.Append(line).Append('\n');

    private static string Text(AcceptorRequest request) => (request switch
    {
        AcceptorRequest.Prepare prepare => $"prepare {prepare.Ballot}",
        AcceptorRequest.Accept accept => $"accept {accept.Ballot} '{Text(accept.Value)}'",
        _ => "inspect",
    }) + (request.Floor > 0 ? $" from {request.Floor}" : "");

    private static string Text(AcceptorReply reply) => reply switch
    {
        AcceptorReply.Answer answer =>
            (answer.IsDone ? "done" : "declined")
            + $", {answer.Report.Writes} writes, promised {answer.Report.Promised}, accepted {answer.Report.Accepted}",
        AcceptorReply.Refused refused => refused.Kind.ToString(),
        _ => "",
    };

    private static string Text(RoundEnd end) => end switch
    {
        RoundEnd.Decided decided => $"decided: version {decided.Value.Version} '{Text(decided.Value)}' {decided.Verdict}",
        RoundEnd.Outbid outbid => $"outbid, may take effect: {outbid.MayTakeEffect}",
        RoundEnd.NoQuorum none => $"no quorum: {none.Answered} of {none.Needed}, may take effect: {none.MayTakeEffect}",
        _ => "",
    };

    private static string Text(RegisterValue value) => Encoding.UTF8.GetString(value.Bytes.Span);
}
