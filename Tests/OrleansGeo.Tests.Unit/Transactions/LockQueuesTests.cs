using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class LockQueuesTests
{
    private static readonly Key s_a = new([1]);
    private static readonly Key s_b = new([2]);
    private readonly LockQueues<string> _queues = new(4);

    [Fact]
    public void Whoever_came_first_goes_first_whatever_the_order_of_waiting()
    {
        Assert.True(_queues.TryWait(s_a, At(3), "third"));
        Assert.True(_queues.TryWait(s_a, At(1), "first"));
        Assert.True(_queues.TryWait(s_a, At(2), "second"));
        Assert.Equal(["first", "second", "third"], _queues.For(s_a));
        Assert.Equal(["first", "second", "third"], [Take(s_a), Take(s_a), Take(s_a)]);
        Assert.Equal("nobody", Take(s_a));
    }

    [Fact]
    public void One_that_comes_back_to_a_key_that_is_locked_anew_has_its_own_place()
    {
        _queues.TryWait(s_a, At(1), "first");
        _queues.TryWait(s_a, At(2), "second");
        Assert.Equal("first", Take(s_a));
        _queues.TryWait(s_a, At(3), "third");
        _queues.TryWait(s_a, At(1), "first");
        Assert.Equal(["first", "second", "third"], [Take(s_a), Take(s_a), Take(s_a)]);
    }

    [Fact]
    public void Whoever_began_earlier_goes_first_however_late_it_came()
    {
        _queues.TryWait(s_a, new(new(7), 1), "late");
        _queues.TryWait(s_a, new(new(5), 3), "early");
        Assert.True(_queues.IsBehind(s_a, new(new(5), 4)));
        Assert.True(_queues.IsBehind(s_a, new(new(6), 0)));
        Assert.False(_queues.IsBehind(s_a, new(new(5), 2)));
        Assert.Equal(["early", "late"], [Take(s_a), Take(s_a)]);
    }

    [Fact]
    public void One_is_behind_those_who_wait_for_the_same_key_and_came_before()
    {
        Assert.False(_queues.IsBehind(s_a, At(5)));
        _queues.TryWait(s_a, At(4), "x");
        Assert.True(_queues.IsBehind(s_a, At(5)));
        Assert.False(_queues.IsBehind(s_a, At(3)));
        Assert.False(_queues.IsBehind(s_a, At(4)));
        Assert.False(_queues.IsBehind(s_b, At(5)));
        Take(s_a);
        Assert.False(_queues.IsBehind(s_a, At(5)));
    }

    [Fact]
    public void One_more_than_may_wait_is_refused_and_leaves_no_trace()
    {
        for (var i = 0; i < 4; i++)
        {
            Assert.True(_queues.TryWait(i % 2 == 0 ? s_a : s_b, At(i), $"{i}"));
        }

        Assert.False(_queues.TryWait(s_a, At(9), "refused"));
        Assert.False(_queues.TryWait(new([3]), At(10), "refused"));
        Assert.Equal(4, _queues.Waiting);
        Assert.Equal("0", Take(s_a));
        Assert.True(_queues.TryWait(new([3]), At(10), "taken"));
        Assert.Equal(["2", "1", "3", "taken"], _queues.TakeAll());
    }

    [Fact]
    public void All_are_taken_by_key_and_arrival_and_nobody_is_left()
    {
        _queues.TryWait(s_b, At(1), "b1");
        _queues.TryWait(s_a, At(3), "a3");
        _queues.TryWait(s_a, At(2), "a2");
        Assert.Equal(["a2", "a3", "b1"], _queues.TakeAll());
        Assert.Equal(0, _queues.Waiting);
        Assert.Empty(_queues.TakeAll());
        Assert.Empty(_queues.For(s_a));
    }

    [Fact]
    public void Some_are_taken_and_the_others_keep_their_order()
    {
        foreach (var arrival in (int[])[4, 1, 3, 2])
        {
            _queues.TryWait(s_a, At(arrival), $"{arrival}");
        }

        Assert.Equal(["2", "4"], _queues.TakeWhere(one => one is "2" or "4"));
        Assert.Equal(2, _queues.Waiting);
        Assert.Equal(["1", "3"], [Take(s_a), Take(s_a)]);
        Assert.False(_queues.IsBehind(s_a, At(9)));
    }

    private static LinePlace At(long arrival) => new(HlcTimestamp.Zero, arrival);

    private string Take(Key key) => _queues.TryTake(key, out var taken) ? taken : "nobody";
}
