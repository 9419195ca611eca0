using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class RecordTableTests
{
    [Fact]
    public void What_is_due_is_found_by_time_as_a_search_through_all_records_finds_it()
    {
        var chance = new Prng(50);
        for (var round = 0; round < 300; round++)
        {
            var (table, model) = (new RecordTable(), new Dictionary<TransactionId, TransactionRecord>());
            for (var step = 0; step < 40; step++)
            {
                var id = new TransactionId(1, (ulong)chance.Below(12));
                switch (chance.Below(5))
                {
                    case 0:
                        table.Remove(id);
                        model.Remove(id);
                        break;
                    case 1 when chance.Chance(0.1):
                        var from = Draw.Key(chance, 2);
                        table.DropFrom(from);
                        model = model.Where(known => known.Value.Tag.Anchor < from).ToDictionary();
                        break;
                    default:
                        var record = Record(chance, id);
                        table.Put(record);
                        model[id] = record;
                        break;
                }

                AssertSame(table, model, Draw.Timestamp(chance, 13));
            }

            table.Clear();
            AssertSame(table, [], HlcTimestamp.Max);
        }
    }

    private static TransactionRecord Record(Prng chance, TransactionId id)
    {
        TransactionStatus[] statuses = [TransactionStatus.Staging, TransactionStatus.Committed, TransactionStatus.Aborted];
        var tag = new TransactionTag(id, Draw.Key(chance, 2), Draw.Timestamp(chance, 12), new(1));
        return new(tag, statuses[chance.Below(3)], Draw.Timestamp(chance, 12), [], RequestName.None);
    }

    private static void AssertSame(RecordTable table, Dictionary<TransactionId, TransactionRecord> model, HlcTimestamp now)
    {
        var due = model.Values.Where(record => record.Timestamp < now).OrderBy(record => (record.Timestamp, record.Tag.Id)).ToList();
        Assert.Equal(due.Where(record => record.Status != TransactionStatus.Aborted), table.UnfinishedBefore(now));
        Assert.Equal(due.Where(record => record.Status == TransactionStatus.Aborted), table.AbortedUntil(now));
        var hasWork = model.Values.Any(record => record.Status != TransactionStatus.Aborted || record.Timestamp < now);
        Assert.Equal((hasWork, model.Count), (table.HasWork(now), table.Count));
    }
}
