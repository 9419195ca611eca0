using System.Runtime.CompilerServices;
using System.Text;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>
/// Stories as text. A file in testdata is a list of commands, each followed by ---- and by what it shows, ended by an empty line;
/// GEO_REWRITE=1
/// writes anew what they show, to be read in the diff.
/// <para>
/// Commands: nodes N [voters=1,2] [non=4] [witness=3] [empty=4] [delay=MS a node] · run MS · propose N TEXT… · crash N · start N ·
/// cut A B · isolate N · heal · transfer A B · voters N LIST [non=LIST] · compact N · messages on|off · status · stall N · quiet MS
/// </para>
/// </summary>
public sealed class TranscriptTests
{
    public static TheoryData<string> Stories
    {
        get
        {
            var data = new TheoryData<string>();
            foreach (var file in Directory.GetFiles(Folder(), "*.txt").Order(StringComparer.Ordinal))
            {
                data.Add(Path.GetFileNameWithoutExtension(file));
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Stories))]
    public void A_story_goes_as_written(string story)
    {
        var path = Path.Combine(Folder(), story + ".txt");
        var written = File.ReadAllText(path);
        var played = new Player().Play(written);
        if (Environment.GetEnvironmentVariable("GEO_REWRITE") is not null)
        {
            File.WriteAllText(path, played);
        }
        else
        {
            Assert.Equal(written, played);
        }
    }

    private static string Folder([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "testdata");

    private sealed class Player
    {
        private readonly StringBuilder _out = new();
        private ReplicaCluster? _cluster;
        private bool _showMessages;

        private ReplicaCluster Cluster => _cluster!;

        public string Play(string script)
        {
            var result = new StringBuilder();
            var inOutput = false;
            foreach (var line in script.TrimEnd('\n').Split('\n'))
            {
                if (inOutput)
                {
                    inOutput = line.Length > 0;
                    continue;
                }

                if (line.Length == 0 || line[0] == '#' || line == "----")
                {
                    inOutput = line == "----";
                    if (!inOutput)
                    {
                        result.Append(line).Append('\n');
                    }

                    continue;
                }

                _out.Clear();
                Do(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
                result.Append(line).Append("\n----\n").Append(_out).Append('\n');
            }

            return result.ToString().TrimEnd('\n') + "\n";
        }

        private void Do(string[] words)
        {
            switch (words[0])
            {
                case "nodes":
                    Make(words);
                    break;
                case "run":
                    Cluster.RunFor(Number(words[1]) * 1000);
                    break;
                case "quiet":
                    var before = Cluster.MessagesSent;
                    Cluster.RunFor(Number(words[1]) * 1000);
                    Say($"{Cluster.MessagesSent - before} messages, "
                        + $"timers: {Cluster.Nodes.Count(n => n.Replica?.NextWake != MonoTime.Forever)}");
                    break;
                case "propose":
                    var node = Node(words[1]);
                    node.Turn(() => Array.ForEach(
                        words[2..],
                        w => Say(node.Replica!.Propose(Encoding.UTF8.GetBytes(w), node.Mono, out _).ToString())));
                    break;
                case "transfer":
                    Say(Node(words[1]).Transfer((int)Number(words[2])).ToString());
                    break;
                case "voters":
                    var target = Configuration.Of(List(words, 2), Option(words, "non"), Option(words, "witness"));
                    Say(Node(words[1]).Reconfigure(target).ToString());
                    break;
                case "messages":
                    _showMessages = words[1] == "on";
                    break;
                case "status":
                    Cluster.Nodes.ForEach(Status);
                    break;
                default:
                    Fault(words);
                    break;
            }
        }

        private void Fault(string[] words)
        {
            switch (words[0])
            {
                case "crash":
                    Node(words[1]).Crash();
                    break;
                case "start":
                    Node(words[1]).Start();
                    break;
                case "cut":
                    Cluster.Cut((int)Number(words[1]), (int)Number(words[2]));
                    break;
                case "isolate":
                    Cluster.Isolate((int)Number(words[1]));
                    break;
                case "heal":
                    Cluster.Heal();
                    break;
                case "stall":
                    Node(words[1]).DiskStalled = true;
                    break;
                case "compact":
                    Node(words[1]).Compact(Node(words[1]).Replica!.AppliedIndex);
                    break;
                default:
                    throw new InvalidOperationException($"no command {words[0]}");
            }
        }

        private void Make(string[] words)
        {
            var count = (int)Number(words[1]);
            var voters = Option(words, "voters") ?? [.. Enumerable.Range(1, count).Select(i => new NodeId(i))];
            _cluster = new(1, count, new(), Configuration.Of(voters, Option(words, "non"), Option(words, "witness")));
            foreach (var empty in Option(words, "empty") ?? [])
            {
                var node = Cluster[empty.Value];
                node.Crash();
                node.Forget();
                node.Start();
            }

            var delay = words.Where(w => w.StartsWith("delay=", StringComparison.Ordinal))
                .Select(w => Number(w[6..])).FirstOrDefault(50) * 1000;
            foreach (var node in Cluster.Nodes)
            {
                node.CampaignDelayMicros = (node.Id.Value - 1) * delay;
                node.Replica!.CampaignDelayMicros = node.CampaignDelayMicros;
                node.OnStatus = text => Say($"{Cluster.Now / 1000} ms {text}");
            }

            Cluster.OnSend = m =>
            {
                if (_showMessages)
                {
                    Say($"{Cluster.Now / 1000} ms {Transcribe.Line(m)}");
                }
            };
        }

        private void Status(ClusterNode node) => Say(!node.IsUp ? $"{node.Id} down"
            : $"{node.Id} {node.Replica!.Role} {node.Replica.Term} "
            + $"log {node.Replica.FirstIndex}-{node.Replica.LastIndex} commit {node.Replica.CommitIndex}"
            + $" applied {node.Replica.AppliedIndex}{(node.MayServe ? " serves" : "")} {Transcribe.Line(node.Replica.Configuration)}");

        private void Say(string text) => _out.Append(text).Append('\n');

        private ClusterNode Node(string word) => Cluster[(int)Number(word)];

        private static long Number(string word) => long.Parse(word, System.Globalization.CultureInfo.InvariantCulture);

        private static List<NodeId> List(string[] words, int at) => [.. words[at].Split(',').Select(w => new NodeId((int)Number(w)))];

        private static List<NodeId>? Option(string[] words, string name)
        {
            var at = Array.FindIndex(words, w => w.StartsWith(name + "=", StringComparison.Ordinal));
            return at < 0 ? null : List([words[at][(name.Length + 1)..]], 0);
        }
    }
}
