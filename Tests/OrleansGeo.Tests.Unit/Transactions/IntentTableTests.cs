using FsCheck;
using FsCheck.Fluent;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

/// <summary>The table of intents against a list of them, over steps that are drawn and shrunk.</summary>
public sealed class IntentTableTests
{
    private const int Keys = 5;
    private const int Ids = 3;
    private const int Times = 6;

    [Fact]
    public void Whatever_is_put_and_removed_the_table_says_what_a_list_would() => Prop.ForAll(
        ArbMap.Default.ArbFor<uint[]>(),
        steps =>
        {
            var (table, model) = (new IntentTable(), new List<Intent>());
            foreach (var step in steps)
            {
                Apply(step, table, model);
                AssertSame(table, model);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(40));

    [Fact]
    public void What_is_in_storage_is_loaded_and_nothing_beside_the_span()
    {
        for (var seed = 0UL; seed < 200; seed++)
        {
            var chance = new Prng(seed);
            var (storage, buffer) = (new SortedReader(), new CodecWriter());
            var model = new List<Intent>();
            var span = Draw.Span(chance);
            foreach (var key in Enumerable.Range(0, 12).Select(_ => Draw.Key(chance)).Distinct())
            {
                var intent = new Intent(key, Tag(chance.Below(Ids)), new(1 + (ulong)chance.Below(Times)), [1]);
                IntentKey.Encode(buffer, key);
                var at = buffer.ToArray();
                buffer.Clear();
                intent.Write(buffer);
                storage.Put(at, buffer.Written);
                if (span.Contains(key))
                {
                    model.Add(intent);
                }
            }

            var table = new IntentTable();
            table.Load(storage, span);
            Assert.Equal(model.OrderBy(intent => intent.Key).Select(Text), table.All.Select(Text));
        }
    }

    private static void Apply(uint step, IntentTable table, List<Intent> model)
    {
        var (key, id) = (new Key([(byte)(step / 8 % Keys)]), (int)(step / 64 % Ids));
        switch (step % 8)
        {
            case 6:
                table.DropFrom(key);
                model.RemoveAll(intent => intent.Key >= key);
                break;
            case 4 or 5 or 7:
                var there = model.Find(intent => intent.Key == key && intent.By.Id == Tag(id).Id);
                Assert.Equal(there is not null, table.TryRemove(key, Tag(id).Id, out var removed));
                Assert.True(there is null || ReferenceEquals(there, removed));
                model.RemoveAll(intent => ReferenceEquals(intent, there));
                break;
            default:
                var put = new Intent(
                    key, Tag(id), new(1 + (step / 512 % Times)), step / 4096 % 4 == 0 ? null : new byte[step / 4096 % 4]);
                table.Put(put);
                model.RemoveAll(intent => intent.Key == key);
                model.Add(put);
                break;
        }
    }

    private static void AssertSame(IntentTable table, List<Intent> model)
    {
        Assert.Equal(model.Count, table.Count);
        Assert.Equal(model.Sum(intent => intent.Key.Length + (intent.Value?.Length ?? 0)), table.Bytes);
        Assert.Equal(model.Select(intent => intent.Timestamp).DefaultIfEmpty(HlcTimestamp.Max).Min(), table.Earliest);
        Assert.Equal(model.OrderBy(intent => intent.Key).Select(Text), table.All.Select(Text));
        for (var id = 0; id < Ids; id++)
        {
            // In the order in which they were laid: what is put anew goes last.
            Assert.Equal(model.Where(intent => intent.By.Id == Tag(id).Id).Select(intent => intent.Key), table.Of(Tag(id).Id));
        }

        for (byte key = 0; key < Keys; key++)
        {
            Assert.Equal(model.Exists(intent => intent.Key == new Key([key])), table.TryGet(new([key]), out var found));
            Assert.True(found is null || found.Key == new Key([key]));
        }

        for (var at = 0UL; at <= Times + 1; at++)
        {
            var locked = model.Where(intent => intent.Timestamp <= new HlcTimestamp(at)).OrderBy(intent => intent.Key).ToArray();
            Assert.Equal(
                locked.OrderBy(intent => (intent.Timestamp, intent.Key)).Select(Text), table.LockedBefore(new(at)).Select(Text));
            for (byte start = 0; start < Keys; start++)
            {
                var span = new KeySpan(new([start]), new([(byte)(start + 2)]));
                Assert.Equal(locked.FirstOrDefault(intent => span.Contains(intent.Key)), table.FirstLocked(span, new(at)));
            }
        }

        for (byte start = 0; start < Keys; start++)
        {
            foreach (var span in (KeySpan[])[new(new([start]), new([Keys])), new(Key.Min, new([start])), KeySpan.Of(new([start]))])
            {
                var inSpan = model.Where(intent => span.Contains(intent.Key)).OrderBy(intent => intent.Key);
                Assert.Equal(inSpan.Select(Text), table.In(span).Select(Text));
            }
        }
    }

    private static TransactionTag Tag(int id) => new(new(0, (ulong)id), new([9]), new(1), new(1));

    private static string Text(Intent intent) => $"{intent.Key} {intent.By.Id} {intent.Timestamp} {intent.Value?.Length}";
}
