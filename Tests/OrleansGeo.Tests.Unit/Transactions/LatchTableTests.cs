using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class LatchTableTests
{
    private readonly LatchTable _table = new(100);
    private readonly List<LatchRequest> _granted = [];

    [Fact]
    public void Writers_of_different_keys_do_not_wait_for_each_other()
    {
        for (byte key = 0; key < 64; key++)
        {
            Assert.Equal(LatchOutcome.Granted, _table.Acquire(Write(key)));
        }

        Assert.Equal((64, 0), (_table.Active, _table.Waiting));
    }

    [Fact]
    public void A_later_reader_does_not_overtake_a_waiting_writer()
    {
        var (held, writer, reader) = (Read(1), Write(1), Read(1));
        Assert.Equal(LatchOutcome.Granted, _table.Acquire(held));
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(writer));
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(reader));
        _table.Release(held, _granted);
        Assert.Equal([writer], _granted);
        _table.Release(writer, _granted);
        Assert.Equal([writer, reader], _granted);
    }

    [Fact]
    public void A_read_below_a_writes_known_timestamp_does_not_wait()
    {
        var writer = Write(1);
        _table.Acquire(writer);
        var (below, at) = (Read(1, atOrBelow: 9), Read(1, atOrBelow: 10));
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(below));
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(at));
        _table.Assign(writer, new(10), _granted);
        Assert.Equal([below], _granted);
        Assert.Equal(LatchOutcome.Granted, _table.Acquire(Read(1, atOrBelow: 9)));
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(Read(1)));
    }

    [Fact]
    public void A_scan_below_a_writes_known_timestamp_does_not_wait()
    {
        var writer = Write(1);
        _table.Acquire(writer);
        var scan = new LatchRequest { ReadAtOrBelow = new(9) }.Add(new KeySpan(Key.Min, Key.Max), LatchAccess.Read);
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(scan));
        _table.Assign(writer, new(10), _granted);
        Assert.Equal([scan], _granted);
    }

    [Fact]
    public void A_key_named_twice_in_one_request_is_latched_once_for_the_stronger_access()
    {
        var both = Read(1).Add(new Key([1]), LatchAccess.Write).Add(new Key([1]), LatchAccess.Read);
        Assert.Equal(LatchOutcome.Granted, _table.Acquire(both));
        var reader = Read(1);
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(reader));
        _table.Release(both, _granted);
        Assert.Equal([reader], _granted);
        _table.Release(reader, _granted);
        Assert.Equal(0, _table.Active);
    }

    [Fact]
    public void The_whole_range_waits_for_all_and_bars_all_even_requests_without_keys()
    {
        var (proposal, writer) = (new LatchRequest(), Write(1));
        _table.Acquire(proposal);
        _table.Acquire(writer);
        var split = new LatchRequest().AddWholeRange();
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(split));
        var (later, stale) = (new LatchRequest(), Read(7, atOrBelow: 1));
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(later));
        Assert.Equal(LatchOutcome.Queued, _table.Acquire(stale));
        _table.Release(writer, _granted);
        Assert.Empty(_granted);
        _table.Release(proposal, _granted);
        Assert.Equal([split], _granted);
        _granted.Clear();
        _table.Release(split, _granted);
        Assert.Equal([later, stale], _granted);
    }

    [Fact]
    public void One_request_more_than_may_wait_is_refused_and_leaves_no_trace()
    {
        var table = new LatchTable(1);
        var (held, waiting, refused) = (Write(1), Write(1), Write(1).Add(new KeySpan(new([2]), new([4])), LatchAccess.Write));
        table.Acquire(held);
        Assert.Equal(LatchOutcome.Queued, table.Acquire(waiting));
        Assert.Equal(LatchOutcome.Overloaded, table.Acquire(refused));
        Assert.Equal(LatchState.Idle, refused.State);
        Assert.Equal((2, 1), (table.Active, table.Waiting));
        Assert.Equal(LatchOutcome.Granted, table.Acquire(Write(3)));
        Assert.Equal(LatchOutcome.Queued, table.Acquire(new LatchRequest().AddWholeRange()));
        table.Release(held, _granted);
        Assert.Equal([waiting], _granted);
    }

    [Fact]
    public void Cancelling_all_that_waits_grants_nothing_and_keeps_what_is_held()
    {
        var (held, first, second) = (Write(1), Write(1), Read(1));
        _table.Acquire(held);
        _table.Acquire(first);
        _table.Acquire(second);
        _table.CancelWaiting(_granted);
        Assert.Equal([first, second], _granted);
        Assert.Equal((LatchState.Held, LatchState.Idle, LatchState.Idle), (held.State, first.State, second.State));
        Assert.Equal((1, 0), (_table.Active, _table.Waiting));
    }

    [Fact]
    public void Releasing_what_is_not_held_is_a_bug() =>
        Assert.Throws<InvariantViolationException>(() => _table.Release(Write(1), _granted));

    [Fact]
    public void Grants_equal_those_of_a_list_that_compares_every_pair()
    {
        for (var seed = 0UL; seed < 150; seed++)
        {
            var model = new LatchModel(new(seed));
            for (var step = 0; step < 400; step++)
            {
                model.Step($"seed {seed}, step {step}");
            }

            model.Drain();
        }
    }

    private static LatchRequest Write(byte key) => new LatchRequest().Add(new Key([key]), LatchAccess.Write);

    private static LatchRequest Read(byte key, ulong? atOrBelow = null) =>
        new LatchRequest { ReadAtOrBelow = atOrBelow is { } at ? new HlcTimestamp(at) : null }.Add(new Key([key]), LatchAccess.Read);
}
