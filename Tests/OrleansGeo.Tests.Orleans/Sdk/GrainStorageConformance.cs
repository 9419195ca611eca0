using Orleans.Runtime;
using Orleans.Storage;
using static OrleansGeo.Tests.Orleans.GeoTestCluster;

namespace OrleansGeo.Tests.Orleans.Sdk;

public sealed class Cart
{
    public string Owner { get; set; } = "nobody";

    public List<string> Items { get; set; } = [];
}

/// <summary>What a later version of a service makes of <see cref="Cart"/>.</summary>
public sealed class LaterCart
{
    public List<string> Items { get; set; } = [];

    public int Discount { get; set; } = 5;
}

/// <summary>What no reader makes of a <see cref="Cart"/>: its owner is text.</summary>
public sealed class UnlikeCart
{
    public int Owner { get; set; }
}

/// <summary>
/// What a grain may expect of any <see cref="IGrainStorage"/>. Run on Orleans' own storage in memory too, which shows that the suite
/// asks for nothing of its own. Every test has grains of its own.
/// </summary>
public abstract class GrainStorageConformance
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    protected abstract IGrainStorage Storage { get; }

    protected GrainId Grain => GrainId.Create("cart", _key);

    protected static GrainState<Cart> Fresh => new();

    [Fact]
    public async Task What_was_never_written_reads_as_a_new_state_without_an_etag()
    {
        var state = new GrainState<Cart>(new() { Owner = "left over" }, "left over") { RecordExists = true };
        await ReadAsync(state);
        Assert.Equal(("nobody", null, false), (state.State!.Owner, state.ETag, state.RecordExists));
    }

    [Fact]
    public async Task What_was_written_is_read_with_the_etag_of_the_write()
    {
        var written = await WrittenAsync("ann");
        Assert.True(written.RecordExists);
        Assert.NotNull(written.ETag);
        var read = Fresh;
        await ReadAsync(read);
        Assert.Equal(("ann", written.ETag, true), (read.State!.Owner, read.ETag, read.RecordExists));
        Assert.Equal(["one"], read.State.Items);
    }

    [Fact]
    public async Task Every_write_has_an_etag_of_its_own()
    {
        var state = await WrittenAsync("ann");
        var etags = new HashSet<string?> { state.ETag };
        for (var i = 0; i < 5; i++)
        {
            await WriteAsync(state);
            Assert.True(etags.Add(state.ETag));
        }
    }

    [Fact]
    public async Task A_write_with_an_older_etag_is_refused_and_changes_nothing()
    {
        var first = await WrittenAsync("ann");
        var second = Fresh;
        await ReadAsync(second);
        second.State!.Owner = "bob";
        await WriteAsync(second);
        first.State!.Owner = "carl";
        var before = first.ETag;
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => WriteAsync(first));
        Assert.Equal(before, first.ETag);
        await AssertOwnerAsync("bob");
    }

    [Fact]
    public async Task A_write_without_an_etag_is_refused_where_there_is_a_state()
    {
        await WrittenAsync("ann");
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => WriteAsync(new(new() { Owner = "bob" })));
        await AssertOwnerAsync("ann");
    }

    [Fact]
    public async Task What_is_cleared_is_as_if_it_was_never_written()
    {
        var state = await WrittenAsync("ann");
        await Storage.ClearStateAsync("state", Grain, state);
        Assert.Equal(("nobody", null, false), (state.State!.Owner, state.ETag, state.RecordExists));
        await What_was_never_written_reads_as_a_new_state_without_an_etag();
    }

    [Fact]
    public async Task What_was_cleared_can_be_written_again_but_not_with_the_etag_it_had()
    {
        var state = await WrittenAsync("ann");
        var stale = new GrainState<Cart>(new() { Owner = "carl" }, state.ETag);
        await Storage.ClearStateAsync("state", Grain, state);
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => WriteAsync(stale));
        state.State!.Owner = "bob";
        await WriteAsync(state);
        Assert.NotEqual(stale.ETag, state.ETag);
        await AssertOwnerAsync("bob");
    }

    [Fact]
    public virtual async Task A_clear_with_an_older_etag_is_refused_and_changes_nothing()
    {
        var first = await WrittenAsync("ann");
        var second = new GrainState<Cart>(new() { Owner = "bob" }, first.ETag);
        await WriteAsync(second);
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => Storage.ClearStateAsync("state", Grain, first));
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => Storage.ClearStateAsync("state", Grain, Fresh));
        await AssertOwnerAsync("bob");
        await Storage.ClearStateAsync("state", Grain, second);
    }

    [Fact]
    public async Task Clearing_what_is_not_there_does_nothing()
    {
        var state = Fresh;
        await Storage.ClearStateAsync("state", Grain, state);
        Assert.False(state.RecordExists);
    }

    [Fact]
    public async Task Of_two_writers_that_saw_the_same_state_one_wins()
    {
        for (var round = 0; round < 5; round++)
        {
            var state = Fresh;
            await ReadAsync(state);
            var won = await Task.WhenAll(Enumerable.Range(0, 4).Select(async i =>
            {
                try
                {
                    await WriteAsync(new(new() { Owner = $"{round}.{i}" }, state.ETag));
                    return (int?)i;
                }
                catch (InconsistentStateException)
                {
                    return null;
                }
            }));
            await AssertOwnerAsync($"{round}.{Assert.Single(won, i => i is not null)}");
        }
    }

    [Fact]
    public virtual Task States_differ_by_grain_type_key_and_name() => DifferAsync(
        ("a", GrainId.Create("cart", _key)), ("b", GrainId.Create("cart", _key)), ("a", GrainId.Create("list", _key)),
        ("a", GrainId.Create("cart", $"{_key}/ä b")), ("a/b", GrainId.Create("cart", _key)));

    protected async Task DifferAsync(params (string State, GrainId Grain)[] all)
    {
        foreach (var (name, grain) in all)
        {
            await Storage.WriteStateAsync(name, grain, new GrainState<Cart>(new() { Owner = $"{name} {grain}" }));
        }

        foreach (var (name, grain) in all)
        {
            var state = Fresh;
            await Storage.ReadStateAsync(name, grain, state);
            Assert.Equal($"{name} {grain}", state.State!.Owner);
        }
    }

    [Fact]
    public async Task A_big_state_is_kept()
    {
        var owner = new string('x', 700_000);
        await WrittenAsync(owner);
        await AssertOwnerAsync(owner);
    }

    [Fact]
    public async Task A_state_that_cannot_be_read_as_the_type_is_an_error_and_not_a_new_state()
    {
        await WrittenAsync("ann");
        var other = new GrainState<UnlikeCart>(new() { Owner = 7 }, "mine");
        await Assert.ThrowsAnyAsync<Exception>(() => Storage.ReadStateAsync("state", Grain, other));
        Assert.Equal(7, other.State!.Owner);
        await AssertOwnerAsync("ann");
    }

    protected Task ReadAsync(GrainState<Cart> state) => Storage.ReadStateAsync("state", Grain, state);

    protected Task WriteAsync(GrainState<Cart> state) => Storage.WriteStateAsync("state", Grain, state);

    protected async Task<GrainState<Cart>> WrittenAsync(string owner)
    {
        var state = new GrainState<Cart>(new() { Owner = owner, Items = ["one"] });
        await WriteAsync(state);
        return state;
    }

    protected async Task AssertOwnerAsync(string owner)
    {
        var state = Fresh;
        await ReadAsync(state);
        Assert.Equal(owner, state.State!.Owner);
    }
}
