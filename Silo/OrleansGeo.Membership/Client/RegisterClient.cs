using System.Collections.Immutable;
using System.Threading.Channels;
using OrleansGeo.Primitives;

namespace OrleansGeo.Membership;

/// <summary>
/// A register that a majority of acceptors keeps: read it, or change it when it is at an expected version. Calls of one client run one
/// after the other. Safe for use from several threads. It decides nothing: <see cref="Proposer"/> does.
/// </summary>
public sealed class RegisterClient : IDisposable
{
    private readonly ImmutableArray<IAcceptor> _acceptors;
    private readonly RegisterOptions _options;
    private readonly TimeProvider _time;
    private readonly Prng _prng;
    private readonly Proposer _proposer;
    private readonly Action<string, RefusalKind, string> _alarm;
    private readonly string?[] _silences;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Channel<Heard> _answers = Channel.CreateUnbounded<Heard>();

    /// <summary>
    /// Makes a client over a whole set of acceptors. The generator gives this life of it an identity, so it must be seeded from true
    /// chance outside of simulations. The alarm is told of every acceptor that an operator has to look at: its name, why, and a text.
    /// </summary>
    public RegisterClient(
        IEnumerable<IAcceptor> acceptors, RegisterOptions options, TimeProvider time, Prng prng, Action<string, RefusalKind, string> alarm)
    {
        _acceptors = [.. acceptors.OrderBy(acceptor => acceptor.Identity.Index)];
        Invariant.Holds(_acceptors.Select((acceptor, i) => acceptor.Identity.Index == i).All(isInPlace => isInPlace));
        Invariant.Holds(_acceptors.Length == _acceptors[0].Identity.Acceptors.Length);
        (_options, _time, _prng, _alarm) = (options, time, prng, alarm);
        _silences = new string?[_acceptors.Length];
        _proposer = new((long)(prng.NextUInt64() >> 1) | 1, _acceptors.Length);
    }

    /// <summary>What the register holds, at a moment between call and answer.</summary>
    public async Task<ReadOutcome> ReadAsync(CancellationToken cancellation)
    {
        var started = _time.GetTimestamp();
        var outcome = await InTurn(ReadRounds, cancellation) ?? new ReadOutcome.Unavailable("cancelled before it began");
        RegisterMetrics.Called("read", outcome.GetType().Name, _time.GetElapsedTime(started));
        return outcome;
    }

    /// <summary>
    /// Sets the register to these bytes if it is at this version, once, however often it is tried. A cancelled call answers too: unknown
    /// when the change may have reached an acceptor.
    /// </summary>
    public async Task<ChangeOutcome> TryChangeAsync(long expectedVersion, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, _options.ValueBytesMax, nameof(bytes));
        ArgumentOutOfRangeException.ThrowIfNegative(expectedVersion);
        var started = _time.GetTimestamp();
        var outcome = await InTurn(token => ChangeRounds(expectedVersion, bytes, token), cancellation)
            ?? new ChangeOutcome.Unavailable("cancelled before it began");
        RegisterMetrics.Called("change", outcome.GetType().Name, _time.GetElapsedTime(started));
        return outcome;
    }

    /// <inheritdoc />
    public void Dispose() => _turn.Dispose();

    private async Task<T?> InTurn<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellation)
        where T : class
    {
        try
        {
            await _turn.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            return null;
        }

        try
        {
            return await call(cancellation);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<ReadOutcome> ReadRounds(CancellationToken cancellation)
    {
        for (var round = 1; ; round++)
        {
            var end = await RunRound(_proposer.Read, cancellation);
            if (end is RoundEnd.Decided decided)
            {
                return new ReadOutcome.Found(decided.Value.Version, decided.Value.Bytes);
            }

            if (!await MayTryAgain(end, round, cancellation))
            {
                return new ReadOutcome.Unavailable(TextOf(end, round));
            }
        }
    }

    private async Task<ChangeOutcome> ChangeRounds(long expectedVersion, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        var id = _proposer.NextChange();
        var mayBeMade = false;
        for (var round = 1; ; round++)
        {
            var change = new Change(id, expectedVersion, bytes, mayBeMade);
            var end = await RunRound(() => _proposer.Make(change), cancellation);
            if (end is RoundEnd.Decided decided)
            {
                return decided.Verdict switch
                {
                    ChangeVerdict.Made => new ChangeOutcome.Changed(expectedVersion + 1),
                    ChangeVerdict.Overtaken => new ChangeOutcome.Conflict(decided.Value.Version, decided.Value.Bytes),
                    _ => new ChangeOutcome.Unknown("too many changes were made since for the register to remember this one"),
                };
            }

            mayBeMade |= end is RoundEnd.Outbid { MayTakeEffect: true } or RoundEnd.NoQuorum { MayTakeEffect: true };
            if (!await MayTryAgain(end, round, cancellation))
            {
                var text = TextOf(end, round);
                return mayBeMade ? new ChangeOutcome.Unknown(text) : new ChangeOutcome.Unavailable(text);
            }
        }
    }

    // A held ballot that another proposer outbid costs no pause: the next round is the ordinary one.
    private async Task<bool> MayTryAgain(RoundEnd end, int round, CancellationToken cancellation)
    {
        if (round >= _options.RoundsMax || cancellation.IsCancellationRequested)
        {
            return false;
        }

        if (end is RoundEnd.Outbid { WasFast: true })
        {
            return true;
        }

        var pause = Math.Min(
            _options.RetryPause.TotalMilliseconds * Math.Pow(2, Math.Min(round - 1, 20)), _options.RetryPauseMax.TotalMilliseconds);
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(pause * (0.5 + (_prng.NextDouble() / 2)))), _time, cancellation);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<RoundEnd> RunRound(Func<IReadOnlyList<RegisterEffect>> begin, CancellationToken cancellation)
    {
        FeedLate();
        var end = Perform(begin(), cancellation);
        while (end is null)
        {
            end = Perform(Feed(await _answers.Reader.ReadAsync(CancellationToken.None)), cancellation);
        }

        RegisterMetrics.RoundEnded(end.GetType().Name);
        return end;
    }

    // What comes after a round is over may ask for something more: an acceptor that is late is still brought along.
    private void FeedLate()
    {
        while (_answers.Reader.TryRead(out var late))
        {
            Perform(Feed(late), CancellationToken.None);
        }
    }

    private IReadOnlyList<RegisterEffect> Feed(Heard heard) =>
        heard.Reply is { } reply ? _proposer.Answered(heard.Acceptor, heard.Token, reply) : _proposer.NoAnswer(heard.Acceptor, heard.Token);

    private RoundEnd? Perform(IReadOnlyList<RegisterEffect> effects, CancellationToken cancellation)
    {
        RoundEnd? end = null;
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case RegisterEffect.Send send:
                    _ = Ask(send, cancellation);
                    break;
                case RegisterEffect.Alarm alarm:
                    var name = _acceptors[alarm.Acceptor].Identity.Acceptor;
                    RegisterMetrics.Refused(name, alarm.Kind);
                    _alarm(name, alarm.Kind, alarm.Reason);
                    break;
                case RegisterEffect.Ended ended:
                    end = ended.End;
                    break;
            }
        }

        return end;
    }

    // Every question brings exactly one answer, in bounded time, so that a round always ends: a cancelled one through its questions.
    private async Task Ask(RegisterEffect.Send send, CancellationToken cancellation)
    {
        var acceptor = _acceptors[send.Acceptor];
        AcceptorReply? reply = null;
        try
        {
            using var timeout = new CancellationTokenSource(_options.AcceptorTimeout, _time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
            reply = await acceptor.AskAsync(send.Request, both.Token);
            _silences[send.Acceptor] = (reply as AcceptorReply.Refused)?.Reason;
        }
        catch (Exception silence)
        {
            _silences[send.Acceptor] = silence is OperationCanceledException ? "no answer in time" : silence.Message;
            RegisterMetrics.NoAnswer(acceptor.Identity.Acceptor);
        }

        _answers.Writer.TryWrite(new(send.Acceptor, send.Token, reply));
        HearWhenIdle();
    }

    // While a call runs it hears for itself. Between its last look and its end an answer may slip in; the next one brings it along.
    private void HearWhenIdle()
    {
        try
        {
            if (!_turn.Wait(0))
            {
                return;
            }

            try
            {
                FeedLate();
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (ObjectDisposedException)
        {
            // Nobody asks any more.
        }
    }

    private string TextOf(RoundEnd end, int rounds) => end switch
    {
        RoundEnd.NoQuorum none => $"{none.Answered} acceptors took part and {none.Needed} are needed, in the last of {rounds} rounds"
            + string.Concat(_acceptors.Select((acceptor, i) => _silences[i] is { } why ? $"; '{acceptor.Identity.Acceptor}': {why}" : "")),
        _ => $"other proposers came in between in each of {rounds} rounds",
    };

    /// <summary>What came of one question.</summary>
    private readonly record struct Heard(int Acceptor, long Token, AcceptorReply? Reply);
}
