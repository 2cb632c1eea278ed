using System.Globalization;

namespace InvFusion.Cli.Commands;

/// <summary>Numbers that are given with commas between them, or one after the other.</summary>
internal static class NumberList
{
    /// <summary>The numbers, each once, in rising order.</summary>
    /// <param name="option">Named in errors.</param>
    /// <param name="given">What was given.</param>
    /// <param name="largest">The largest number allowed; the smallest is 1.</param>
    /// <exception cref="ConfigurationException">One is no such number, or there is none.</exception>
    public static int[] Parse(string option, IEnumerable<string> given, int largest)
    {
        int[] numbers = [.. given.SelectMany(Names).Select(Number).Distinct().Order()];
        return numbers.Length > 0 ? numbers : throw new UsageException($"{option}: names no number");

        int Number(string text) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= largest
                ? number
                : throw new UsageException($"{option} {text}: must be whole numbers from 1 to {largest}, separated by commas");
    }

    /// <summary>What stands between the commas.</summary>
    public static string[] Names(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
