namespace InvFusion.Imaging.Tests;

public class ContactSheetTests
{
    [Fact]
    public void Pictures_appear_enlarged_and_whole()
    {
        var (first, second) = (TestImages.Noise(16, 16, 3, 1), TestImages.Noise(16, 16, 3, 2));
        var sheet = new ContactSheet { Title = "A title", MinimumSide = 32 };
        sheet.AddRow("row", new SheetCell(first, "one"), new SheetCell(second, "two"));
        var picture = sheet.Render();
        Assert.True(Contains(picture, Enlarge(first, 2)));
        Assert.True(Contains(picture, Enlarge(second, 2)));
        Assert.False(Contains(picture, Enlarge(first, 3)));
    }

    [Fact]
    public void Smooth_enlargement_is_Lanczos()
    {
        var image = TestImages.Noise(16, 16);
        var sheet = new ContactSheet { MinimumSide = 48, Smooth = true };
        sheet.AddRow(null, new SheetCell(image));
        Assert.True(Contains(sheet.Render(), Resampler.Resize(image, 48, 48, ResampleFilter.Lanczos)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_text_leaves_ink(bool dark)
    {
        var plain = Ink(new ContactSheet { Dark = dark }, null, null);
        var title = Ink(new ContactSheet { Dark = dark, Title = "Title" }, null, null);
        var note = Ink(new ContactSheet { Dark = dark, Note = "Note" }, null, null);
        var header = Ink(new ContactSheet { Dark = dark, Columns = ["Header"] }, null, null);
        var label = Ink(new ContactSheet { Dark = dark }, "Label", null);
        var caption = Ink(new ContactSheet { Dark = dark }, null, "Caption");
        Assert.All([title, note, header, label, caption], ink => Assert.True(ink > plain));
    }

    [Fact]
    public void A_row_may_be_shorter_and_hold_empty_places()
    {
        var sheet = new ContactSheet();
        sheet.AddRow(null, new SheetCell(TestImages.Noise(8, 8)), new SheetCell(null, "nothing"), new SheetCell(TestImages.Noise(8, 8, 1)));
        sheet.AddRow("second", new SheetCell(TestImages.Noise(4, 8)));
        Assert.True(sheet.Render().Width > 3 * 192);
    }

    [Fact]
    public void A_sheet_without_pictures_is_refused() => Assert.Throws<InvalidOperationException>(() => new ContactSheet().Render());

    [Fact]
    public void Every_character_has_its_own_shape()
    {
        var characters = Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Concat("⁺σ×²μ±Δ").ToArray();
        Assert.All(characters, c => Assert.True(PixelFont.Has(c)));
        var shapes = characters.Select(Shape).ToHashSet();
        Assert.Equal(characters.Length, shapes.Count);
        Assert.False(PixelFont.Has('字'));
        Assert.DoesNotContain(Shape('字'), shapes);
    }

    [Fact]
    public void Text_is_wrapped_at_blanks_and_long_words_are_cut()
    {
        Assert.Equal(["one two", "three"], TextLayout.Wrap("one two three", 9 * PixelFont.Advance, 1));
        Assert.Equal(["abcdefg.."], TextLayout.Wrap("abcdefghijkl", 9 * PixelFont.Advance, 1));
        Assert.Equal(["a", "b"], TextLayout.Wrap("a\nb", 100, 1));
        Assert.Empty(TextLayout.Wrap(" ", 100, 1));
    }

    [Fact]
    public void A_grid_places_images_row_by_row()
    {
        var images = Enumerable.Range(0, 5).Select(i => TestImages.Noise(4, 3, 3, i)).ToArray();
        var grid = ImageGrid.Tile(images, columns: 3, gap: 1);
        Assert.Equal((14, 7), (grid.Width, grid.Height));
        for (var i = 0; i < 5; i++)
            Assert.Equal(images[i].Pixels, grid.Crop(i % 3 * 5, i / 3 * 4, 4, 3).Pixels);
        Assert.Throws<ArgumentException>(() => ImageGrid.Tile([images[0], TestImages.Noise(3, 3)]));
    }

    [Fact]
    public void The_colour_map_grows_lighter_from_low_to_high()
    {
        var map = Colormap
            .Apply(
                new float[,]
                {
                    { -1, 0, 1, 2, 3, 4, 9 },
                },
                low: 0,
                high: 4
            )
            .ToGrey();
        Assert.Equal(map.Pixels.Order(), map.Pixels);
        Assert.Equal(map.Pixels[0], map.Pixels[1]);
        Assert.Equal(map.Pixels[5], map.Pixels[6]);
        Assert.Equal(5, map.Pixels.Distinct().Count());
    }

    [Fact]
    public void The_colour_map_takes_the_largest_number_and_shows_what_is_none()
    {
        var map = Colormap.Apply([0, 5, float.NaN, float.PositiveInfinity], 2, 2);
        Assert.Equal([0, 0, 4, 252, 253, 191, 128, 128, 128, 252, 253, 191], map.Pixels);
        Assert.Equal(
            [0, 0, 4],
            Colormap
                .Apply(
                    new float[,]
                    {
                        { 0 },
                    }
                )
                .Pixels
        );
    }

    private static int Ink(ContactSheet sheet, string? label, string? caption)
    {
        var black = new RgbImage(8, 8);
        black.Pixels.AsSpan().Fill(sheet.Dark ? (byte)21 : (byte)255);
        sheet.AddRow(label, new SheetCell(black, caption));
        var picture = sheet.Render();
        return picture.Pixels.Count(value => sheet.Dark ? value > 100 : value < 150);
    }

    private static string Shape(char character) =>
        string.Concat(
            Enumerable
                .Range(0, PixelFont.Rows * PixelFont.Advance)
                .Select(i => PixelFont.IsSet(character, i % PixelFont.Advance, i / PixelFont.Advance) ? '#' : '.')
        );

    private static RgbImage Enlarge(RgbImage image, int factor)
    {
        var result = new RgbImage(image.Width * factor, image.Height * factor);
        for (var y = 0; y < result.Height; y++)
        for (var x = 0; x < result.Width; x++)
            image.Pixels.AsSpan((y / factor * image.Width + x / factor) * 3, 3).CopyTo(result.Pixels.AsSpan((y * result.Width + x) * 3));
        return result;
    }

    private static bool Contains(RgbImage picture, RgbImage part)
    {
        for (var y = 0; y <= picture.Height - part.Height; y++)
        for (var x = 0; x <= picture.Width - part.Width; x++)
            if (Enumerable.Range(0, part.Height).All(row => RowMatches(picture, part, x, y, row)))
                return true;
        return false;
    }

    private static bool RowMatches(RgbImage picture, RgbImage part, int x, int y, int row) =>
        picture
            .Pixels.AsSpan(((y + row) * picture.Width + x) * 3, part.Width * 3)
            .SequenceEqual(part.Pixels.AsSpan(row * part.Width * 3, part.Width * 3));
}
