using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class WriteTimestampsTests
{
    [Theory]
    [InlineData(5, 3, 2, 9, 9)]
    [InlineData(9, 3, 2, 9, 10)]
    [InlineData(3, 9, 2, 9, 10)]
    [InlineData(3, 2, 9, 9, 10)]
    [InlineData(20, 30, 10, 9, 31)]
    [InlineData(0, 0, 0, 0, 1)]
    public void A_write_lies_above_versions_reads_and_closed_time_and_not_before_now(
        ulong version, ulong read, ulong closed, ulong now, ulong expected) =>
        Assert.Equal(new HlcTimestamp(expected), WriteTimestamps.Choose(new(version), new(read), new(closed), new(now)));

    [Fact]
    public void There_is_no_timestamp_above_the_last_one() =>
        Assert.Throws<InvariantViolationException>(() => WriteTimestamps.Choose(HlcTimestamp.Max, default, default, default));
}
